/** Tells AFS where an order stands, again and again until AFS has stored it. How to use it: README.md. */

import type { OrderDetailDTO } from "@medusajs/framework/types";
import { createStep, createWorkflow, StepResponse, WorkflowResponse } from "@medusajs/framework/workflows-sdk";
import { getOrderDetailWorkflow } from "@medusajs/medusa/core-flows";

import { post } from "../afs/standard-webhook";

interface Input {
  order_id: string;
  at: string;
}

/** What is asked for and not in Medusa's own type. */
interface OrderDetail extends OrderDetailDTO {
  customer?: { first_name?: string | null; last_name?: string | null } | null;
}

const RETRY_SECONDS = Number(process.env.AFS_RETRY_SECONDS ?? 600);
const THREE_DAYS_SECONDS = 3 * 24 * 3600;

const FIELDS = ["*", "customer.*", "billing_address.*", "shipping_address.*", "items.*", "items.detail.*"];

const tellAfsStep = createStep(
  {
    name: "tell-afs",
    // It runs on its own, beside what emitted the event.
    async: true,
    maxRetries: Math.ceil(THREE_DAYS_SECONDS / RETRY_SECONDS),
    retryInterval: RETRY_SECONDS,
  },
  async ({ order_id, at }: Input, { container }) => {
    // What is told follows from the order as it is now: it may have been canceled since.
    const { result: order } = await getOrderDetailWorkflow(container).run({
      input: { order_id, fields: FIELDS },
    });
    const change = changeOf(order);
    if (change) {
      await post(env("AFS_URL"), env("AFS_SECRET"), `${order.id}-${change}`, {
        type: `order.${change}`,
        timestamp: at,
        data: dataOf(order),
      });
    }
    return new StepResponse(change);
  },
);

export const tellAfs = createWorkflow("tell-afs", (input: Input) => new WorkflowResponse(tellAfsStep(input)));

function changeOf(order: OrderDetailDTO): "completed" | "cancelled" | "refunded" | undefined {
  if (order.status === "canceled") {
    return "cancelled";
  }
  if (order.payment_status === "refunded") {
    return "refunded";
  }
  return isCompleted(order) ? "completed" : undefined;
}

/** Whether the buyer has, or soon gets, the goods. */
function isCompleted(order: OrderDetailDTO): boolean {
  const when = process.env.AFS_COMPLETED_WHEN ?? "delivered";
  switch (when) {
    case "delivered":
      return order.fulfillment_status === "delivered";
    case "shipped":
      return ["shipped", "delivered"].includes(order.fulfillment_status);
    case "completed":
      return order.status === "completed";
    default:
      throw new Error(`AFS_COMPLETED_WHEN is ${when}; it can be delivered, shipped or completed.`);
  }
}

/** How far the order is, as AFS calls it. */
function fulfilmentOf(order: OrderDetailDTO): "partial" | "shipped" | "delivered" | undefined {
  switch (order.fulfillment_status) {
    case "partially_shipped":
    case "partially_delivered":
      return "partial";
    case "shipped":
      return "shipped";
    case "delivered":
      return "delivered";
    default:
      return undefined;
  }
}

function dataOf(order: OrderDetail): object {
  const { customer, shipping_address: address } = order;
  const names = customer?.first_name ? customer : address;
  return {
    id: order.id,
    number: String(order.display_id),
    email: order.email,
    name: [names?.first_name, names?.last_name].filter(Boolean).join(" "),
    locale: order.locale,
    country: address?.country_code,
    region: address?.province,
    business: Boolean(order.billing_address?.company),
    fulfilment: fulfilmentOf(order),
    placed_at: order.created_at,
    items: order.items?.map(item => ({
      name: item.product_title ?? item.title,
      sku: item.variant_sku,
      url: item.product_handle && process.env.AFS_PRODUCT_URL?.replace("{handle}", item.product_handle),
      image: item.thumbnail,
    })),
    test: process.env.AFS_TEST === "true",
  };
}

function env(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set.`);
  }
  return value;
}
