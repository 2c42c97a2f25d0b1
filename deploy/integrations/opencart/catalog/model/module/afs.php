<?php

namespace Opencart\Catalog\Model\Extension\Afs\Module;

use Opencart\System\Library\Extension\Afs\Webhook;

/** What AFS has not been told yet, a table of its own, and what it is told. */
class Afs extends \Opencart\System\Engine\Model
{
    /** How many events one run sends. */
    private const BATCH = 50;

    /** With pauses that double from one minute and are six hours at most, this takes three days. */
    private const ATTEMPTS_MAX = 20;
    private const PAUSE_SECONDS = 60;
    private const PAUSE_MAX_SECONDS = 6 * 3600;

    /** Notes what the status of an order means, if it means anything to AFS. */
    public function note(int $order_id): void
    {
        $order = $this->order($order_id);
        foreach (['completed', 'cancelled', 'refunded'] as $change) {
            // Status 0 is that of a checkout that was not finished.
            $statuses = array_filter(array_map('intval', (array) $this->config->get('module_afs_' . $change)));
            if ($order && in_array((int) $order['order_status_id'], $statuses, true)) {
                // An order that comes into the same status twice is told once.
                $this->db->query('INSERT IGNORE INTO `' . DB_PREFIX . "afs_outbox`
                    SET `id` = 'order-$order_id-$change', `type` = '$change', `order_id` = $order_id,
                        `changed_at` = " . time() . ', `due_at` = ' . time());
            }
        }
    }

    /** Sends what is due, and says how it went. */
    public function send(): string
    {
        $due = $this->db->query('SELECT * FROM `' . DB_PREFIX . 'afs_outbox`
            WHERE `due_at` <= ' . time() . ' AND `attempts` < ' . self::ATTEMPTS_MAX . '
            ORDER BY `due_at` LIMIT ' . self::BATCH)->rows;
        $sent = 0;
        foreach ($due as $row) {
            $id = $this->db->escape($row['id']);
            try {
                Webhook::post(
                    (string) $this->config->get('module_afs_url'),
                    (string) $this->config->get('module_afs_secret'),
                    $row['id'],
                    $this->event((int) $row['order_id'], $row['type'], (int) $row['changed_at'])
                );
                $this->db->query('DELETE FROM `' . DB_PREFIX . "afs_outbox` WHERE `id` = '$id'");
                $sent++;
            } catch (\Throwable $error) {
                $pause = min(self::PAUSE_SECONDS * 2 ** (int) $row['attempts'], self::PAUSE_MAX_SECONDS);
                $this->db->query('UPDATE `' . DB_PREFIX . 'afs_outbox`
                    SET `attempts` = `attempts` + 1, `due_at` = ' . (time() + $pause) . ",
                        `error` = '" . $this->db->escape(mb_substr($error->getMessage(), 0, 255)) . "'
                    WHERE `id` = '$id'");
                $this->log->write("AFS is not told about {$row['id']} yet: " . $error->getMessage());
            }
        }

        return "$sent of " . count($due) . ' sent';
    }

    /** @return array<string, mixed> */
    private function event(int $order_id, string $change, int $changed_at): array
    {
        $order = $this->order($order_id);
        // An order that was deleted since has an id, and that is enough to undo it.
        $data = $order ? [
            'number' => (string) $order_id,
            'email' => $order['email'],
            'name' => $this->text($order['firstname'] . ' ' . $order['lastname']),
            'locale' => (string) $order['language'],
            'country' => (string) $order['country'],
            'region' => (string) $order['region'],
            'business' => $order['payment_company'] !== '',
            'placed_at' => gmdate('Y-m-d\TH:i:s\Z', strtotime($order['date_added'])),
            'items' => $this->items($order),
            'test' => (bool) $this->config->get('module_afs_test'),
        ] : [];

        return [
            'type' => "order.$change",
            'timestamp' => gmdate('Y-m-d\TH:i:s\Z', $changed_at),
            'data' => ['id' => (string) $order_id] + $data,
        ];
    }

    /** @return array<string, mixed> The order, or nothing. */
    private function order(int $order_id): array
    {
        return $this->db->query('SELECT o.*, l.`code` AS `language`, c.`iso_code_2` AS `country`, z.`code` AS `region`
            FROM `' . DB_PREFIX . 'order` o
            LEFT JOIN `' . DB_PREFIX . 'language` l ON l.`language_id` = o.`language_id`
            LEFT JOIN `' . DB_PREFIX . 'country` c
                ON c.`country_id` = IF(o.`shipping_country_id` > 0, o.`shipping_country_id`, o.`payment_country_id`)
            LEFT JOIN `' . DB_PREFIX . 'zone` z
                ON z.`zone_id` = IF(o.`shipping_country_id` > 0, o.`shipping_zone_id`, o.`payment_zone_id`)
            WHERE o.`order_id` = ' . $order_id)->row;
    }

    /** @return array<int, array<string, mixed>> */
    private function items(array $order): array
    {
        $products = $this->db->query('SELECT op.`product_id`, op.`name`, op.`model`, p.`image`
            FROM `' . DB_PREFIX . 'order_product` op
            LEFT JOIN `' . DB_PREFIX . 'product` p ON p.`product_id` = op.`product_id`
            WHERE op.`order_id` = ' . (int) $order['order_id'])->rows;

        return array_map(fn (array $product) => [
            'name' => $this->text($product['name']),
            'sku' => $this->text($product['model']),
            'url' => $order['store_url'] . 'index.php?route=product/product&product_id=' . (int) $product['product_id'],
            'image' => $product['image']
                ? $order['store_url'] . 'image/' . implode('/', array_map('rawurlencode', explode('/', $this->text($product['image']))))
                : null,
        ], $products);
    }

    /** OpenCart stores texts as HTML. */
    private function text(string $html): string
    {
        return trim(html_entity_decode($html, ENT_QUOTES, 'UTF-8'));
    }
}
