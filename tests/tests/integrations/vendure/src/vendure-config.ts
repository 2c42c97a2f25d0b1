import { DefaultJobQueuePlugin, dummyPaymentHandler, VendureConfig } from "@vendure/core";

import { AfsPlugin } from "./plugins/afs/afs.plugin";

export const config: VendureConfig = {
  apiOptions: {
    hostname: "127.0.0.1",
    port: Number(process.env.PORT),
    adminApiPath: "admin-api",
    shopApiPath: "shop-api",
  },
  authOptions: {
    tokenMethod: ["bearer"],
    superadminCredentials: { identifier: "superadmin", password: "superadmin" },
  },
  dbConnectionOptions: {
    type: "postgres",
    url: process.env.DATABASE_URL,
    synchronize: process.env.SYNCHRONIZE === "true",
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  plugins: [
    DefaultJobQueuePlugin.init({}),
    AfsPlugin.init({
      url: process.env.AFS_URL!,
      secret: process.env.AFS_SECRET!,
      links: variant => ({ url: `https://shop.example/products/${variant.product.slug}` }),
    }),
  ],
};
