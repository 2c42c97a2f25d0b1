<?php

declare(strict_types=1);

namespace Afs\Webhook\Model;

use Magento\Framework\App\ResourceConnection;
use Magento\Framework\DB\Adapter\AdapterInterface;

/** What AFS has not been told yet: the table afs_outbox. */
class Outbox
{
    /** How many events one run of the cron job sends. */
    private const BATCH = 50;

    /** With pauses that double from one minute and are six hours at most, this takes three days. */
    private const ATTEMPTS_MAX = 20;
    private const PAUSE_SECONDS = 60;
    private const PAUSE_MAX_SECONDS = 6 * 3600;

    public function __construct(private readonly ResourceConnection $resource)
    {
    }

    public function add(int $orderId, string $change): void
    {
        $now = time();
        // An order that is saved twice is told once.
        $this->connection()->insertOnDuplicate($this->table(), [
            'id' => "order-$orderId-$change",
            'type' => $change,
            'order_id' => $orderId,
            'changed_at' => $now,
            'due_at' => $now,
        ], ['id']);
    }

    /** @return array<int, array<string, string>> */
    public function due(): array
    {
        $select = $this->connection()->select()
            ->from($this->table())
            ->where('due_at <= ?', time())
            ->where('attempts < ?', self::ATTEMPTS_MAX)
            ->order('due_at')
            ->limit(self::BATCH);

        return $this->connection()->fetchAll($select);
    }

    public function told(string $id): void
    {
        $this->connection()->delete($this->table(), ['id = ?' => $id]);
    }

    public function failed(array $row, string $error): void
    {
        $pause = min(self::PAUSE_SECONDS * 2 ** (int) $row['attempts'], self::PAUSE_MAX_SECONDS);
        $this->connection()->update($this->table(), [
            'attempts' => (int) $row['attempts'] + 1,
            'due_at' => time() + $pause,
            'error' => mb_substr($error, 0, 255),
        ], ['id = ?' => $row['id']]);
    }

    private function connection(): AdapterInterface
    {
        return $this->resource->getConnection();
    }

    private function table(): string
    {
        return $this->resource->getTableName('afs_outbox');
    }
}
