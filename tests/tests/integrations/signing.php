<?php

/** What the integrations in PHP sign is what AFS expects: the requests that its adapter is tested with. */

declare(strict_types=1);

const CLASSES = [
    'magento/Model/Webhook.php' => 'Afs\Webhook\Model\Webhook',
    'opencart/system/library/webhook.php' => 'Opencart\System\Library\Extension\Afs\Webhook',
    'prestashop/afs/src/Webhook.php' => 'Afs\PrestaShop\Webhook',
    'sylius/src/Afs/Webhook.php' => 'App\Afs\Webhook',
];

$root = dirname(__DIR__, 3);
$checked = 0;
foreach (CLASSES as $file => $class) {
    require "$root/deploy/integrations/$file";
    foreach (glob("$root/tests/fixtures/adapters/standard_webhooks/*.json") as $fixture) {
        $request = json_decode(file_get_contents($fixture), true, 16, JSON_THROW_ON_ERROR);
        // The others are signed with a private key.
        if (str_starts_with($request['secret'], 'whsec_')) {
            $headers = $request['headers'];
            $time = (int) $headers['webhook-timestamp'];
            $signed = $class::signature($request['secret'], $headers['webhook-id'], $time, $request['body']);
            if ($signed !== $headers['webhook-signature']) {
                throw new RuntimeException("$class signs " . basename($fixture) . " with $signed");
            }
            $checked++;
        }
    }
}
if ($checked === 0) {
    throw new RuntimeException('There are no fixtures.');
}
echo "$checked signatures are as AFS expects them\n";
