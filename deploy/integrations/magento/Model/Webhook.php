<?php

/**
 * Standard Webhooks 1.0, as AFS reads them: https://www.standardwebhooks.com
 *
 * This file is the same in each integration, but for its namespace.
 */

namespace Afs\Webhook\Model;

final class Webhook
{
    /** How long AFS may take to answer. */
    private const TIMEOUT_SECONDS = 10;

    /**
     * Posts an event. Throws unless AFS has stored it; then it has to be posted again, under the same id.
     */
    public static function post(string $url, string $secret, string $id, array $event): void
    {
        $body = json_encode(
            $event,
            JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE
        );
        $timestamp = time();
        $request = curl_init($url);
        curl_setopt_array($request, [
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => [
                'content-type: application/json',
                'webhook-id: ' . $id,
                'webhook-timestamp: ' . $timestamp,
                'webhook-signature: ' . self::signature($secret, $id, $timestamp, $body),
            ],
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_CONNECTTIMEOUT => self::TIMEOUT_SECONDS,
            CURLOPT_TIMEOUT => self::TIMEOUT_SECONDS,
        ]);
        $answer = curl_exec($request);
        $status = (int) curl_getinfo($request, CURLINFO_RESPONSE_CODE);
        if ($answer === false) {
            throw new \RuntimeException('AFS cannot be reached: ' . curl_error($request));
        }
        if ($status < 200 || $status > 299) {
            throw new \RuntimeException("AFS answered $status: " . substr($answer, 0, 200));
        }
    }

    /** The value of `webhook-signature`. */
    public static function signature(string $secret, string $id, int $timestamp, string $body): string
    {
        $key = base64_decode((string) preg_replace('/^whsec_/', '', trim($secret)), true);
        if ($key === false || strlen($key) < 24) {
            throw new \InvalidArgumentException('The AFS secret is not whsec_ and 24 bytes or more in base64.');
        }

        return 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    }
}
