# frozen_string_literal: true

# Takes signed orders and puts a delayed Sidekiq job for each into Redis.
require 'base64'
require 'json'
require 'openssl'
require 'rack/utils'
require 'sidekiq'

SECRET = ENV.fetch('SECRET')
DAY = 24 * 60 * 60
HEADERS = { 'Content-Length' => '0' }.freeze

Sidekiq.configure_client do |config|
  config.redis = { url: "redis://127.0.0.1:#{ENV.fetch('REDIS_PORT')}/0", size: 8 }
end

class Invite
  include Sidekiq::Worker

  def perform(job); end
end

def receive(env)
  body = env['rack.input'].read
  expected = Base64.strict_encode64(OpenSSL::HMAC.digest('SHA256', SECRET, body))
  return 401 unless Rack::Utils.secure_compare(expected, env['HTTP_X_SHOPIFY_HMAC_SHA256'].to_s)

  order = JSON.parse(body)
  return 200 unless order['fulfillment_status'] == 'fulfilled'

  # Sidekiq has no unique jobs without its paid edition: a key for each event de-duplicates.
  key = "event:#{env['HTTP_X_SHOPIFY_EVENT_ID']}"
  is_new = Sidekiq.redis { |redis| redis.set(key, 1, nx: true, ex: 14 * DAY) }
  Invite.perform_in(7 * DAY, job(order)) if is_new
  200
end

def job(order)
  {
    'order' => order['id'],
    'number' => order['name'],
    'email' => order['email'],
    'name' => order['customer'].values_at('first_name', 'last_name').join(' '),
    'locale' => order['customer_locale'],
    'items' => order['line_items'].map { |item| item.slice('title', 'sku') }
  }
end

run(->(env) { [receive(env), HEADERS, []] })
