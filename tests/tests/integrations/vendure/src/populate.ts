/** A shop with one product, in an empty database. */

import { bootstrap, dummyPaymentHandler, InitialData, LanguageCode } from "@vendure/core";
import { populate } from "@vendure/core/cli";
import path from "node:path";

import { config } from "./vendure-config";

const initialData: InitialData = {
  defaultLanguage: LanguageCode.en,
  defaultZone: "Europe",
  countries: [{ name: "Sweden", code: "SE", zone: "Europe" }],
  taxRates: [{ name: "Standard Tax", percentage: 25 }],
  shippingMethods: [{ name: "Post", price: 500 }],
  paymentMethods: [
    {
      name: "Dummy",
      handler: {
        code: dummyPaymentHandler.code,
        arguments: [{ name: "automaticSettle", value: "true" }],
      },
    },
  ],
  collections: [],
};

populate(() => bootstrap(config), initialData, path.join(__dirname, "../products.csv"))
  .then(app => app.close())
  .then(() => process.exit(0))
  .catch(error => {
    console.error(error);
    process.exit(1);
  });
