<?php

declare(strict_types=1);

namespace Afs\Webhook\Model;

use Magento\Catalog\Model\Product;
use Magento\Framework\UrlInterface;
use Magento\Sales\Model\Order;
use Magento\Sales\Model\Order\Item;

/** What AFS is told about an order. */
class Event
{
    public function __construct(private readonly Settings $settings)
    {
    }

    public function of(Order $order, string $change, int $changedAt): array
    {
        $storeId = (int) $order->getStoreId();
        $address = $order->getShippingAddress() ?: $order->getBillingAddress();
        // Guests have a name in their addresses only.
        $person = $order->getCustomerFirstname() ? $order : $order->getBillingAddress();
        $name = $person === $order
            ? $order->getCustomerFirstname() . ' ' . $order->getCustomerLastname()
            : $person?->getFirstname() . ' ' . $person?->getLastname();

        return [
            'type' => "order.$change",
            'timestamp' => gmdate('Y-m-d\TH:i:s\Z', $changedAt),
            'data' => [
                'id' => (string) $order->getId(),
                'number' => $order->getIncrementId(),
                'email' => $order->getCustomerEmail(),
                'name' => trim($name),
                'locale' => $this->settings->locale($storeId),
                'country' => $address?->getCountryId(),
                'region' => $address?->getRegionCode(),
                'business' => (string) $order->getBillingAddress()?->getCompany() !== '',
                // All of it is invoiced and shipped.
                'fulfilment' => $order->getState() === Order::STATE_COMPLETE ? 'shipped' : null,
                'placed_at' => gmdate('Y-m-d\TH:i:s\Z', strtotime($order->getCreatedAt() . ' UTC')),
                'items' => array_map(fn (Item $item) => $this->item($item, $order), $order->getAllVisibleItems()),
                'test' => $this->settings->isTest($storeId),
            ],
        ];
    }

    private function item(Item $item, Order $order): array
    {
        /** @var Product|null $product It may have been deleted since. */
        $product = $item->getProduct();
        $image = (string) $product?->getData('image');
        $media = $order->getStore()->getBaseUrl(UrlInterface::URL_TYPE_MEDIA);

        return [
            'name' => (string) $item->getName(),
            'sku' => $item->getSku(),
            'url' => $product?->setStoreId($order->getStoreId())->getProductUrl(),
            'image' => in_array($image, ['', 'no_selection'], true) ? null : $media . 'catalog/product' . $image,
        ];
    }
}
