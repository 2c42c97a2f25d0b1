<?php

namespace Afs\PrestaShop;

/** What AFS has not been told yet: a table of its own. */
final class Outbox
{
    /** How many events one run sends. */
    private const BATCH = 50;

    /** With pauses that double from one minute and are six hours at most, this takes three days. */
    private const ATTEMPTS_MAX = 20;
    private const PAUSE_SECONDS = 60;
    private const PAUSE_MAX_SECONDS = 6 * 3600;

    public static function install(): bool
    {
        return \Db::getInstance()->execute('CREATE TABLE IF NOT EXISTS `' . _DB_PREFIX_ . 'afs_outbox` (
            `id` VARCHAR(64) NOT NULL PRIMARY KEY,
            `type` VARCHAR(16) NOT NULL,
            `id_order` INT UNSIGNED NOT NULL,
            `changed_at` BIGINT UNSIGNED NOT NULL,
            `attempts` INT UNSIGNED NOT NULL DEFAULT 0,
            `due_at` BIGINT UNSIGNED NOT NULL,
            `error` VARCHAR(255) NOT NULL DEFAULT \'\',
            KEY `due_at` (`due_at`)
        ) ENGINE=' . _MYSQL_ENGINE_ . ' DEFAULT CHARSET=utf8mb4');
    }

    public static function uninstall(): bool
    {
        return \Db::getInstance()->execute('DROP TABLE IF EXISTS `' . _DB_PREFIX_ . 'afs_outbox`');
    }

    public static function add(int $orderId, string $change): void
    {
        $now = time();
        // An order that comes into the same status twice is told once.
        \Db::getInstance()->insert('afs_outbox', [
            'id' => "order-$orderId-$change",
            'type' => $change,
            'id_order' => $orderId,
            'changed_at' => $now,
            'due_at' => $now,
        ], false, true, \Db::INSERT_IGNORE);
    }

    /** Sends what is due, and says how it went. */
    public static function send(): string
    {
        $due = \Db::getInstance()->executeS('SELECT * FROM `' . _DB_PREFIX_ . 'afs_outbox`
            WHERE `due_at` <= ' . time() . ' AND `attempts` < ' . self::ATTEMPTS_MAX . '
            ORDER BY `due_at` LIMIT ' . self::BATCH, true, false) ?: [];
        $sent = 0;
        foreach ($due as $row) {
            $where = "`id` = '" . pSQL($row['id']) . "'";
            try {
                $shopId = (int) (new \Order((int) $row['id_order']))->id_shop;
                Webhook::post(
                    (string) \Configuration::get('AFS_URL', null, null, $shopId),
                    (string) \Configuration::get('AFS_SECRET', null, null, $shopId),
                    $row['id'],
                    Event::of((int) $row['id_order'], $row['type'], (int) $row['changed_at'])
                );
                \Db::getInstance()->delete('afs_outbox', $where);
                ++$sent;
            } catch (\Throwable $error) {
                $pause = min(self::PAUSE_SECONDS * 2 ** (int) $row['attempts'], self::PAUSE_MAX_SECONDS);
                \Db::getInstance()->update('afs_outbox', [
                    'attempts' => (int) $row['attempts'] + 1,
                    'due_at' => time() + $pause,
                    'error' => pSQL(mb_substr($error->getMessage(), 0, 255)),
                ], $where);
                \PrestaShopLogger::addLog("AFS is not told about {$row['id']} yet: " . $error->getMessage(), 2);
            }
        }

        return "$sent of " . count($due) . ' sent';
    }
}
