<?php

declare(strict_types=1);

namespace App\Afs;

/** That an order is completed, cancelled or refunded: the message that waits in the queue. */
final class TellAfs
{
    public function __construct(
        public readonly int $orderId,
        public readonly string $change,
        public readonly string $at,
    ) {
    }
}
