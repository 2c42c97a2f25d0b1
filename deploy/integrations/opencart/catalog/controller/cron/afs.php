<?php

namespace Opencart\Catalog\Controller\Extension\Afs\Cron;

/** Sends what is due. The server's cron opens it once a minute; its address has a key. */
class Afs extends \Opencart\System\Engine\Controller
{
    public function index(): void
    {
        $this->response->addHeader('Content-Type: text/plain');
        $key = (string) $this->config->get('module_afs_key');
        if ($key === '' || !hash_equals($key, (string) ($this->request->get['key'] ?? ''))) {
            $this->response->addHeader('HTTP/1.1 403 Forbidden');
            $this->response->setOutput("This is not the key.\n");
            return;
        }
        $this->load->model('extension/afs/module/afs');
        $this->response->setOutput($this->model_extension_afs_module_afs->send() . "\n");
    }
}
