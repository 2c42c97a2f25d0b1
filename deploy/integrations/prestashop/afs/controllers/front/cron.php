<?php

use Afs\PrestaShop\Outbox;

/** Sends what is due. The server's cron opens it once a minute; its address has a key. */
class AfsCronModuleFrontController extends ModuleFrontController
{
    public function postProcess()
    {
        header('Content-Type: text/plain');
        if (!hash_equals((string) Configuration::getGlobalValue('AFS_CRON_KEY'), (string) Tools::getValue('key'))) {
            header('HTTP/1.1 403 Forbidden');
            exit("This is not the key.\n");
        }
        exit(Outbox::send() . "\n");
    }
}
