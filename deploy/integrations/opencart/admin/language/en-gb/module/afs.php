<?php

$_['heading_title'] = 'AFS review invitations';
$_['text_extension'] = 'Extensions';
$_['text_success'] = 'Saved.';
$_['text_edit'] = 'Settings';
$_['text_cron'] = 'Have this address opened once a minute (cron):';
$_['entry_status'] = 'Status';
$_['entry_url'] = 'Address';
$_['help_url'] = 'Such as https://reviews.shop.example/webhooks/my-shop';
$_['entry_secret'] = 'Secret';
$_['help_secret'] = 'whsec_… from the secrets file of the shop. Leave it empty to keep the one that is stored.';
$_['entry_completed'] = 'An order counts as completed in these statuses';
$_['entry_cancelled'] = 'An order is cancelled in these statuses';
$_['entry_refunded'] = 'An order is refunded in these statuses';
$_['entry_test'] = 'Mark all orders as tests';
$_['help_test'] = 'AFS records test orders and invites nobody.';
$_['error_permission'] = 'You may not change these settings.';
