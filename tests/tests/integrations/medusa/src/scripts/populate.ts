/** A shop with one product, in a database without any. Prints what a storefront has to know. */

import type { ExecArgs } from "@medusajs/framework/types";
import { ContainerRegistrationKeys, Modules, ProductStatus } from "@medusajs/framework/utils";
import {
  createApiKeysWorkflow,
  createProductsWorkflow,
  createRegionsWorkflow,
  createSalesChannelsWorkflow,
  createShippingOptionsWorkflow,
  createShippingProfilesWorkflow,
  createStockLocationsWorkflow,
  createTaxRegionsWorkflow,
  linkSalesChannelsToApiKeyWorkflow,
  linkSalesChannelsToStockLocationWorkflow,
} from "@medusajs/medusa/core-flows";

export default async function populate({ container }: ExecArgs): Promise<void> {
  const link = container.resolve(ContainerRegistrationKeys.LINK);
  const fulfillment = container.resolve(Modules.FULFILLMENT);

  const { result: channels } = await createSalesChannelsWorkflow(container).run({
    input: { salesChannelsData: [{ name: "Storefront" }] },
  });
  const channel = channels[0];
  const { result: regions } = await createRegionsWorkflow(container).run({
    input: {
      regions: [
        { name: "Sweden", currency_code: "sek", countries: ["se"], payment_providers: ["pp_system_default"] },
      ],
    },
  });
  const region = regions[0];
  await createTaxRegionsWorkflow(container).run({
    input: [{ country_code: "se", provider_id: "tp_system" }],
  });

  const { result: locations } = await createStockLocationsWorkflow(container).run({
    input: { locations: [{ name: "Stock", address: { address_1: "Gatan 1", country_code: "SE" } }] },
  });
  const location = locations[0];
  await linkSalesChannelsToStockLocationWorkflow(container).run({
    input: { id: location.id, add: [channel.id] },
  });
  await link.create({
    [Modules.STOCK_LOCATION]: { stock_location_id: location.id },
    [Modules.FULFILLMENT]: { fulfillment_provider_id: "manual_manual" },
  });

  const { result: profiles } = await createShippingProfilesWorkflow(container).run({
    input: { data: [{ name: "Parcels", type: "default" }] },
  });
  const profile = profiles[0];
  const set = await fulfillment.createFulfillmentSets({
    name: "By post",
    type: "shipping",
    service_zones: [{ name: "Sweden", geo_zones: [{ country_code: "se", type: "country" }] }],
  });
  await link.create({
    [Modules.STOCK_LOCATION]: { stock_location_id: location.id },
    [Modules.FULFILLMENT]: { fulfillment_set_id: set.id },
  });
  await createShippingOptionsWorkflow(container).run({
    input: [
      {
        name: "Post",
        price_type: "flat",
        provider_id: "manual_manual",
        service_zone_id: set.service_zones[0].id,
        shipping_profile_id: profile.id,
        type: { label: "Post", description: "In some days", code: "post" },
        prices: [{ currency_code: "sek", amount: 50 }],
        rules: [
          { attribute: "enabled_in_store", value: "true", operator: "eq" },
          { attribute: "is_return", value: "false", operator: "eq" },
        ],
      },
    ],
  });

  const { result: products } = await createProductsWorkflow(container).run({
    input: {
      products: [
        {
          title: "Green tea, 250 g",
          handle: "green-tea",
          status: ProductStatus.PUBLISHED,
          shipping_profile_id: profile.id,
          options: [{ title: "Size", values: ["250 g"] }],
          variants: [
            {
              title: "250 g",
              sku: "TEA-250",
              options: { Size: "250 g" },
              manage_inventory: false,
              prices: [{ currency_code: "sek", amount: 99 }],
            },
          ],
          sales_channels: [{ id: channel.id }],
        },
      ],
    },
  });

  const { result: keys } = await createApiKeysWorkflow(container).run({
    input: { api_keys: [{ title: "Storefront", type: "publishable", created_by: "" }] },
  });
  await linkSalesChannelsToApiKeyWorkflow(container).run({ input: { id: keys[0].id, add: [channel.id] } });

  const shop = {
    key: keys[0].token,
    region: region.id,
    variant: products[0].variants[0].id,
    location: location.id,
  };
  console.log(`SHOP ${JSON.stringify(shop)}`);
}
