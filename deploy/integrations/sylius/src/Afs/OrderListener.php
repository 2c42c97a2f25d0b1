<?php

declare(strict_types=1);

namespace App\Afs;

use Psr\Log\LoggerInterface;
use Sylius\Component\Core\Model\OrderInterface;
use Symfony\Component\Messenger\MessageBusInterface;
use Symfony\Component\Workflow\Event\CompletedEvent;

/** Puts a message into the queue when an order's state changes. config/packages/afs.yaml says at which transitions. */
final class OrderListener
{
    public function __construct(private MessageBusInterface $bus, private LoggerInterface $logger)
    {
    }

    public function completed(CompletedEvent $event): void
    {
        $this->tell($event, 'completed');
    }

    public function cancelled(CompletedEvent $event): void
    {
        $this->tell($event, 'cancelled');
    }

    public function refunded(CompletedEvent $event): void
    {
        $this->tell($event, 'refunded');
    }

    private function tell(CompletedEvent $event, string $change): void
    {
        $order = $event->getSubject();
        if (!$order instanceof OrderInterface || $order->getId() === null) {
            return;
        }
        try {
            $this->bus->dispatch(new TellAfs((int) $order->getId(), $change, gmdate('Y-m-d\TH:i:s\Z')));
        } catch (\Throwable $error) {
            // The order goes on without us.
            $this->logger->error('AFS is not told about an order: ' . $error->getMessage(), [
                'order' => $order->getId(),
                'change' => $change,
            ]);
        }
    }
}
