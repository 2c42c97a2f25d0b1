/** Starts what tells AFS, whenever an order may have been delivered, canceled or refunded. */

import type { SubscriberArgs, SubscriberConfig } from "@medusajs/framework";
import { ContainerRegistrationKeys } from "@medusajs/framework/utils";

import { tellAfs } from "../workflows/afs";

export const config: SubscriberConfig = {
  event: ["order.completed", "order.canceled", "shipment.created", "delivery.created", "payment.refunded"],
};

export default async function afs({ event, container }: SubscriberArgs<{ id: string }>): Promise<void> {
  const order_id = await orderOf(event.name, event.data.id, container);
  if (order_id) {
    await tellAfs(container).run({ input: { order_id, at: new Date().toISOString() } });
  }
}

/** Most of these events are not about the order itself. */
async function orderOf(
  event: string,
  id: string,
  container: SubscriberArgs["container"],
): Promise<string | undefined> {
  const query = container.resolve(ContainerRegistrationKeys.QUERY);
  if (event.startsWith("order.")) {
    return id;
  }
  if (event === "payment.refunded") {
    const { data } = await query.graph({
      entity: "payment",
      fields: ["payment_collection.order.id"],
      filters: { id },
    });
    return data[0]?.payment_collection?.order?.id;
  }
  const { data } = await query.graph({ entity: "fulfillment", fields: ["order.id"], filters: { id } });
  return data[0]?.order?.id;
}
