<?php

namespace Opencart\Admin\Controller\Extension\Afs\Module;

/** The settings. How to use them: README.md. */
class Afs extends \Opencart\System\Engine\Controller
{
    private const ROUTE = 'extension/afs/module/afs';

    /** The statuses of a shop as it is installed: Complete; Canceled, Voided; Refunded, Reversed, Chargeback. */
    private const DEFAULTS = [
        'module_afs_status' => 0,
        'module_afs_url' => '',
        'module_afs_secret' => '',
        'module_afs_completed' => [5],
        'module_afs_cancelled' => [7, 16],
        'module_afs_refunded' => [11, 12, 13],
        'module_afs_test' => 0,
    ];

    public function index(): void
    {
        $this->load->language(self::ROUTE);
        $this->load->model('localisation/order_status');
        $this->document->setTitle($this->language->get('heading_title'));

        $token = 'user_token=' . $this->session->data['user_token'];
        $data = [];
        foreach (array_keys(self::DEFAULTS) as $setting) {
            $data[$setting] = $this->config->get($setting);
        }
        $data['module_afs_secret'] = '';
        $data['changes'] = ['completed', 'cancelled', 'refunded'];
        foreach ($data['changes'] as $change) {
            $data['entries'][$change] = $this->language->get('entry_' . $change);
            $data['chosen'][$change] = array_map('intval', (array) $this->config->get('module_afs_' . $change));
        }
        $data['order_statuses'] = $this->model_localisation_order_status->getOrderStatuses();
        $data['cron'] = HTTP_CATALOG . 'index.php?route=extension/afs/cron/afs&key=' . $this->config->get('module_afs_key');
        $data['save'] = $this->url->link(self::ROUTE . '.save', $token);
        $data['back'] = $this->url->link('marketplace/extension', $token . '&type=module');
        $data['header'] = $this->load->controller('common/header');
        $data['column_left'] = $this->load->controller('common/column_left');
        $data['footer'] = $this->load->controller('common/footer');

        $this->response->setOutput($this->load->view(self::ROUTE, $data));
    }

    public function save(): void
    {
        $this->load->language(self::ROUTE);
        $this->load->model('setting/setting');

        if ($this->user->hasPermission('modify', self::ROUTE)) {
            $settings = array_intersect_key($this->request->post, self::DEFAULTS);
            // The form does not show the secret: an empty field means that it stays. A list without a
            // chosen entry is not posted at all.
            $settings['module_afs_secret'] = trim($settings['module_afs_secret'] ?? '') ?: $this->config->get('module_afs_secret');
            $settings += ['module_afs_completed' => [], 'module_afs_cancelled' => [], 'module_afs_refunded' => []];
            $settings['module_afs_key'] = $this->config->get('module_afs_key');
            $this->model_setting_setting->editSetting('module_afs', $settings);
            $json = ['success' => $this->language->get('text_success')];
        } else {
            $json = ['error' => $this->language->get('error_permission')];
        }

        $this->response->addHeader('Content-Type: application/json');
        $this->response->setOutput(json_encode($json));
    }

    public function install(): void
    {
        $this->load->model('setting/setting');
        $this->load->model('setting/event');

        $this->db->query('CREATE TABLE IF NOT EXISTS `' . DB_PREFIX . 'afs_outbox` (
            `id` VARCHAR(64) NOT NULL PRIMARY KEY,
            `type` VARCHAR(16) NOT NULL,
            `order_id` INT UNSIGNED NOT NULL,
            `changed_at` BIGINT UNSIGNED NOT NULL,
            `attempts` INT UNSIGNED NOT NULL DEFAULT 0,
            `due_at` BIGINT UNSIGNED NOT NULL,
            `error` VARCHAR(255) NOT NULL DEFAULT \'\',
            KEY `due_at` (`due_at`)
        ) DEFAULT CHARSET=utf8mb4');
        $this->model_setting_setting->editSetting('module_afs', self::DEFAULTS + ['module_afs_key' => bin2hex(random_bytes(16))]);
        $this->model_setting_event->deleteEventByCode('afs');
        $this->model_setting_event->addEvent([
            'code' => 'afs',
            'description' => 'Notes what has happened to an order, for AFS.',
            // OpenCart 4.0 writes order/addHistory, and 4.1 order.addHistory; ? is any character.
            'trigger' => 'catalog/model/checkout/order?addHistory/after',
            'action' => 'extension/afs/event/afs',
            'status' => true,
            'sort_order' => 1,
        ]);
    }

    public function uninstall(): void
    {
        $this->load->model('setting/event');

        $this->model_setting_event->deleteEventByCode('afs');
        $this->db->query('DROP TABLE IF EXISTS `' . DB_PREFIX . 'afs_outbox`');
    }
}
