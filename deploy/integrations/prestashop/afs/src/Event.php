<?php

namespace Afs\PrestaShop;

/** What AFS is told about an order. */
final class Event
{
    public static function of(int $orderId, string $change, int $changedAt): array
    {
        $order = new \Order($orderId);
        // An order that was deleted since has an id, and that is enough to undo it.
        $data = \Validate::isLoadedObject($order) ? self::data($order) : [];

        return [
            'type' => "order.$change",
            'timestamp' => gmdate('Y-m-d\TH:i:s\Z', $changedAt),
            'data' => ['id' => (string) $orderId] + $data,
        ];
    }

    private static function data(\Order $order): array
    {
        $customer = $order->getCustomer();
        $language = new \Language((int) $order->id_lang);
        $address = new \Address((int) $order->id_address_delivery);
        $state = $order->getCurrentOrderState();
        $items = [];
        foreach ($order->getProductsDetail() as $product) {
            $items[] = self::item($order, $product);
        }

        return [
            'number' => (string) $order->reference,
            'email' => (string) $customer->email,
            'name' => trim($customer->firstname . ' ' . $customer->lastname),
            'locale' => (string) $language->locale,
            'country' => (string) \Country::getIsoById((int) $address->id_country),
            'region' => $address->id_state ? (string) (new \State((int) $address->id_state))->iso_code : null,
            'business' => (string) (new \Address((int) $order->id_address_invoice))->company !== '',
            'fulfilment' => $state && $state->shipped ? 'shipped' : null,
            'placed_at' => gmdate('Y-m-d\TH:i:s\Z', strtotime($order->date_add)),
            'items' => $items,
            'test' => (bool) \Configuration::get('AFS_TEST', null, null, (int) $order->id_shop),
        ];
    }

    private static function item(\Order $order, array $detail): array
    {
        $product = new \Product((int) $detail['product_id'], false, (int) $order->id_lang, (int) $order->id_shop);
        $item = ['name' => (string) $detail['product_name'], 'sku' => (string) $detail['product_reference']];
        if (!\Validate::isLoadedObject($product)) {
            return $item;
        }
        $link = \Context::getContext()->link;
        $image = \Product::getCover((int) $product->id);

        return $item + [
            'url' => $link->getProductLink($product, null, null, null, (int) $order->id_lang, (int) $order->id_shop),
            'image' => $image
                ? $link->getImageLink($product->link_rewrite, (string) $image['id_image'], \ImageType::getFormattedName('home'))
                : null,
        ];
    }
}
