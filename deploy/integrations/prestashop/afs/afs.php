<?php

if (!defined('_PS_VERSION_')) {
    exit;
}

require_once __DIR__ . '/src/Event.php';
require_once __DIR__ . '/src/Outbox.php';
require_once __DIR__ . '/src/Webhook.php';

use Afs\PrestaShop\Outbox;

/** Tells AFS when an order is completed, cancelled or refunded. How to use it: README.md. */
class Afs extends Module
{
    /** What an order's new status can mean: the setting that lists the statuses, and its label. */
    private const CHANGES = [
        'completed' => ['AFS_COMPLETED', 'An order counts as completed in these statuses'],
        'cancelled' => ['AFS_CANCELLED', 'An order is cancelled in these statuses'],
        'refunded' => ['AFS_REFUNDED', 'An order is refunded in these statuses'],
    ];

    private const SETTINGS = ['AFS_URL', 'AFS_SECRET', 'AFS_COMPLETED', 'AFS_CANCELLED', 'AFS_REFUNDED', 'AFS_TEST'];

    public function __construct()
    {
        $this->name = 'afs';
        $this->tab = 'advertising_marketing';
        $this->version = '1.0.0';
        $this->author = 'AFS';
        $this->need_instance = 0;
        $this->bootstrap = true;
        $this->ps_versions_compliancy = ['min' => '8.0.0', 'max' => _PS_VERSION_];
        parent::__construct();
        $this->displayName = 'AFS review invitations';
        $this->description = 'Tells AFS when an order is completed, cancelled or refunded.';
    }

    public function install()
    {
        // The numbers are those of a shop as it is installed.
        return parent::install()
            && Outbox::install()
            && $this->registerHook('actionOrderStatusPostUpdate')
            && Configuration::updateGlobalValue('AFS_COMPLETED', (int) Configuration::get('PS_OS_DELIVERED') ?: 5)
            && Configuration::updateGlobalValue('AFS_CANCELLED', (int) Configuration::get('PS_OS_CANCELED') ?: 6)
            && Configuration::updateGlobalValue('AFS_REFUNDED', (int) Configuration::get('PS_OS_REFUND') ?: 7)
            && Configuration::updateGlobalValue('AFS_CRON_KEY', bin2hex(random_bytes(16)));
    }

    public function uninstall()
    {
        foreach (array_merge(self::SETTINGS, ['AFS_CRON_KEY']) as $setting) {
            Configuration::deleteByName($setting);
        }

        return Outbox::uninstall() && parent::uninstall();
    }

    /** Notes what has happened to an order. */
    public function hookActionOrderStatusPostUpdate($params)
    {
        try {
            $orderId = (int) $params['id_order'];
            $status = (int) $params['newOrderStatus']->id;
            $shopId = (int) (new Order($orderId))->id_shop;
            if (!Configuration::get('AFS_URL', null, null, $shopId)) {
                return;
            }
            foreach (self::CHANGES as $change => [$setting]) {
                if (in_array($status, $this->statuses($setting, $shopId), true)) {
                    Outbox::add($orderId, $change);
                }
            }
        } catch (Throwable $error) {
            // The order goes on without us.
            PrestaShopLogger::addLog('AFS is not told about an order: ' . $error->getMessage(), 3);
        }
    }

    public function getContent()
    {
        if (!Tools::isSubmit('submitAfs')) {
            return $this->form();
        }
        Configuration::updateValue('AFS_URL', trim(Tools::getValue('AFS_URL')));
        Configuration::updateValue('AFS_TEST', (int) Tools::getValue('AFS_TEST'));
        foreach (self::CHANGES as [$setting]) {
            $statuses = array_map('intval', (array) Tools::getValue($setting, []));
            Configuration::updateValue($setting, implode(',', $statuses));
        }
        // The form does not show the secret: an empty field means that it stays.
        if (Tools::getValue('AFS_SECRET')) {
            Configuration::updateValue('AFS_SECRET', trim(Tools::getValue('AFS_SECRET')));
        }

        return $this->displayConfirmation('Saved.') . $this->form();
    }

    private function form()
    {
        $languageId = (int) $this->context->language->id;
        $inputs = [
            ['type' => 'text', 'name' => 'AFS_URL', 'label' => 'Address', 'required' => true,
                'desc' => 'Such as https://reviews.shop.example/webhooks/my-shop'],
            ['type' => 'password', 'name' => 'AFS_SECRET', 'label' => 'Secret',
                'desc' => "whsec_… from the shop's secrets file. Leave it empty to keep the one that is stored."],
        ];
        $values = ['AFS_URL' => Configuration::get('AFS_URL'), 'AFS_SECRET' => '', 'AFS_TEST' => Configuration::get('AFS_TEST')];
        foreach (self::CHANGES as [$setting, $label]) {
            $inputs[] = ['type' => 'select', 'multiple' => true, 'name' => $setting . '[]', 'label' => $label,
                'options' => ['query' => OrderState::getOrderStates($languageId), 'id' => 'id_order_state', 'name' => 'name']];
            $values[$setting . '[]'] = $this->statuses($setting);
        }
        $inputs[] = ['type' => 'switch', 'name' => 'AFS_TEST', 'label' => 'Mark all orders as tests',
            'desc' => 'AFS records test orders and invites nobody.',
            'values' => [['id' => 'on', 'value' => 1, 'label' => 'Yes'], ['id' => 'off', 'value' => 0, 'label' => 'No']]];

        $cron = $this->context->link->getModuleLink('afs', 'cron', ['key' => Configuration::getGlobalValue('AFS_CRON_KEY')]);
        $form = new HelperForm();
        $form->module = $this;
        $form->submit_action = 'submitAfs';
        $form->currentIndex = AdminController::$currentIndex . '&configure=' . $this->name;
        $form->token = Tools::getAdminTokenLite('AdminModules');
        $form->default_form_language = $languageId;
        $form->fields_value = $values;

        return $form->generateForm([['form' => [
            'legend' => ['title' => $this->displayName],
            'description' => 'Have this address opened once a minute (cron): ' . $cron,
            'input' => $inputs,
            'submit' => ['title' => 'Save'],
        ]]]);
    }

    /** The statuses of a setting, in a shop or, without one, in that which is being configured. */
    private function statuses(string $setting, ?int $shopId = null): array
    {
        return array_map('intval', explode(',', (string) Configuration::get($setting, null, null, $shopId)));
    }
}
