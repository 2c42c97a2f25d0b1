<?php

declare(strict_types=1);

namespace App\Afs;

use Sylius\Component\Core\Model\OrderInterface;
use Sylius\Component\Core\Model\OrderItemInterface;
use Sylius\Component\Core\OrderShippingStates;
use Sylius\Component\Core\Repository\OrderRepositoryInterface;
use Symfony\Component\Routing\Generator\UrlGeneratorInterface;

/** Posts a message from the queue to AFS. If that fails, Messenger tries again. */
final class TellAfsHandler
{
    public function __construct(
        private OrderRepositoryInterface $orders,
        private UrlGeneratorInterface $urls,
        private string $url,
        private string $secret,
        private bool $test,
    ) {
    }

    public function __invoke(TellAfs $message): void
    {
        $order = $this->orders->find($message->orderId);
        $data = $order instanceof OrderInterface ? $this->data($order) : [];
        Webhook::post($this->url, $this->secret, "order-{$message->orderId}-{$message->change}", [
            'type' => "order.{$message->change}",
            'timestamp' => $message->at,
            'data' => ['id' => (string) $message->orderId] + $data,
        ]);
    }

    private function data(OrderInterface $order): array
    {
        $customer = $order->getCustomer();
        $address = $order->getShippingAddress() ?? $order->getBillingAddress();

        return [
            'number' => $order->getNumber(),
            'email' => $customer?->getEmail(),
            'name' => trim((string) $customer?->getFullName()) ?: $address?->getFullName(),
            'locale' => $order->getLocaleCode(),
            'country' => $address?->getCountryCode(),
            'region' => $address?->getProvinceCode(),
            'business' => (string) $order->getBillingAddress()?->getCompany() !== '',
            'fulfilment' => match ($order->getShippingState()) {
                OrderShippingStates::STATE_PARTIALLY_SHIPPED => 'partial',
                OrderShippingStates::STATE_SHIPPED => 'shipped',
                default => null,
            },
            'placed_at' => $order->getCheckoutCompletedAt()?->format(\DATE_ATOM),
            'items' => $order->getItems()->map(fn (OrderItemInterface $item) => $this->item($order, $item))->getValues(),
            'test' => $this->test,
        ];
    }

    private function item(OrderInterface $order, OrderItemInterface $item): array
    {
        $product = $item->getVariant()?->getProduct();
        $host = $order->getChannel()?->getHostname();
        $slug = $product?->getTranslation($order->getLocaleCode())->getSlug();
        $image = $product?->getImages()->first() ?: null;
        $route = ['slug' => $slug, '_locale' => $order->getLocaleCode()];

        return [
            'name' => (string) $item->getProductName(),
            'sku' => $item->getVariant()?->getCode(),
            'url' => $host && $slug ? "https://$host" . $this->urls->generate('sylius_shop_product_show', $route) : null,
            'image' => $host && $image ? "https://$host/media/image/" . $image->getPath() : null,
        ];
    }
}
