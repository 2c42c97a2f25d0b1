<?php

declare(strict_types=1);

namespace Afs\Webhook\Model;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Store\Model\ScopeInterface;

/** Stores > Configuration > Sales > AFS review invitations, for one store view. */
class Settings
{
    public function __construct(private readonly ScopeConfigInterface $config)
    {
    }

    public function url(int $storeId): string
    {
        return $this->text('afs/webhook/url', $storeId);
    }

    public function secret(int $storeId): string
    {
        return $this->text('afs/webhook/secret', $storeId);
    }

    /** @return string[] The statuses in which the buyer has, or soon gets, the goods. */
    public function completed(int $storeId): array
    {
        return explode(',', $this->text('afs/webhook/completed', $storeId));
    }

    public function isTest(int $storeId): bool
    {
        return $this->config->isSetFlag('afs/webhook/test', ScopeInterface::SCOPE_STORE, $storeId);
    }

    public function locale(int $storeId): string
    {
        return $this->text('general/locale/code', $storeId);
    }

    private function text(string $path, int $storeId): string
    {
        return trim((string) $this->config->getValue($path, ScopeInterface::SCOPE_STORE, $storeId));
    }
}
