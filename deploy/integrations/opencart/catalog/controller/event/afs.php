<?php

namespace Opencart\Catalog\Controller\Extension\Afs\Event;

/** Notes what has happened to an order. */
class Afs extends \Opencart\System\Engine\Controller
{
    /**
     * catalog/model/checkout/order.addHistory/after
     *
     * @param array<int, mixed> $args
     */
    public function index(string &$route, array &$args, mixed &$output): void
    {
        if (!$this->config->get('module_afs_status')) {
            return;
        }
        try {
            $this->load->model('extension/afs/module/afs');
            $this->model_extension_afs_module_afs->note((int) $args[0]);
        } catch (\Throwable $error) {
            // The order goes on without us.
            $this->log->write('AFS is not told about an order: ' . $error->getMessage());
        }
    }
}
