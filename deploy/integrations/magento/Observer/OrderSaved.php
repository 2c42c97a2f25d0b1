<?php

declare(strict_types=1);

namespace Afs\Webhook\Observer;

use Afs\Webhook\Model\Outbox;
use Afs\Webhook\Model\Settings;
use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;
use Magento\Sales\Model\Order;
use Psr\Log\LoggerInterface;

/** Notes what has happened to an order. */
class OrderSaved implements ObserverInterface
{
    public function __construct(
        private readonly Outbox $outbox,
        private readonly Settings $settings,
        private readonly LoggerInterface $logger
    ) {
    }

    public function execute(Observer $observer): void
    {
        $order = $observer->getEvent()->getData('order');
        try {
            $change = $this->changeOf($order);
            if ($change !== null) {
                $this->outbox->add((int) $order->getId(), $change);
            }
        } catch (\Throwable $error) {
            // The order goes on without us.
            $this->logger->error('AFS is not told about an order: ' . $error->getMessage());
        }
    }

    private function changeOf(Order $order): ?string
    {
        $storeId = (int) $order->getStoreId();
        if ($this->settings->url($storeId) === '') {
            return null;
        }
        if ($order->getOrigData('state') !== $order->getState()) {
            if ($order->getState() === Order::STATE_CANCELED) {
                return 'cancelled';
            }
            // All that was paid was refunded.
            if ($order->getState() === Order::STATE_CLOSED) {
                return 'refunded';
            }
        }
        $isNew = $order->getOrigData('status') !== $order->getStatus();

        return $isNew && in_array($order->getStatus(), $this->settings->completed($storeId), true) ? 'completed' : null;
    }
}
