<?php

declare(strict_types=1);

namespace Afs\Webhook\Cron;

use Afs\Webhook\Model\Event;
use Afs\Webhook\Model\Outbox;
use Afs\Webhook\Model\Settings;
use Afs\Webhook\Model\Webhook;
use Magento\Sales\Api\OrderRepositoryInterface;
use Psr\Log\LoggerInterface;

/** Sends what is due. */
class Send
{
    public function __construct(
        private readonly Event $event,
        private readonly LoggerInterface $logger,
        private readonly OrderRepositoryInterface $orders,
        private readonly Outbox $outbox,
        private readonly Settings $settings
    ) {
    }

    public function execute(): void
    {
        foreach ($this->outbox->due() as $row) {
            try {
                $order = $this->orders->get((int) $row['order_id']);
                $storeId = (int) $order->getStoreId();
                Webhook::post(
                    $this->settings->url($storeId),
                    $this->settings->secret($storeId),
                    $row['id'],
                    $this->event->of($order, $row['type'], (int) $row['changed_at'])
                );
                $this->outbox->told($row['id']);
            } catch (\Throwable $error) {
                $this->outbox->failed($row, $error->getMessage());
                $this->logger->warning("AFS is not told about {$row['id']} yet: " . $error->getMessage());
            }
        }
    }
}
