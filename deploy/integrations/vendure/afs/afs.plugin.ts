/** Tells AFS when an order is delivered, cancelled or refunded. How to use it: README.md. */

import { OnApplicationBootstrap, OnModuleInit } from "@nestjs/common";
import {
  ConfigService,
  EventBus,
  ID,
  isInspectableJobQueueStrategy,
  JobQueue,
  JobQueueService,
  Logger,
  Order,
  OrderService,
  OrderStateTransitionEvent,
  PluginCommonModule,
  PollingJobQueueStrategy,
  ProductVariant,
  RefundStateTransitionEvent,
  RequestContext,
  RequestContextService,
  Type,
  VendurePlugin,
} from "@vendure/core";

import { post } from "./standard-webhook";

export interface AfsOptions {
  /** The shop's webhook address, such as `https://reviews.shop.example/webhooks/my-shop`. */
  url: string;
  /** The shop's webhook secret: `whsec_…`. */
  secret: string;
  /** The states in which the buyer has, or soon gets, the goods. */
  completedStates?: string[];
  /** Marks all orders as tests: AFS records them and invites nobody. */
  test?: boolean;
  /** Where your storefront shows a product. AFS uses https addresses only. */
  links?: (variant: ProductVariant) => { url?: string; image?: string };
  /** The buyer's language, which Vendure does not keep with an order. */
  locale?: (order: Order) => string | undefined;
}

interface Change {
  change: "completed" | "cancelled" | "refunded";
  orderId: ID;
  channelToken: string;
  at: string;
}

const QUEUE = "afs-webhooks";

/** With pauses that double from one second, this takes three days. */
const RETRIES = 18;

@VendurePlugin({ imports: [PluginCommonModule], compatibility: "^3.0.0" })
export class AfsPlugin implements OnModuleInit, OnApplicationBootstrap {
  private static options: AfsOptions;
  private queue!: JobQueue<Change>;

  static init(options: AfsOptions): Type<AfsPlugin> {
    AfsPlugin.options = options;
    return AfsPlugin;
  }

  constructor(
    private config: ConfigService,
    private contexts: RequestContextService,
    private events: EventBus,
    private jobs: JobQueueService,
    private orders: OrderService,
  ) {}

  async onModuleInit(): Promise<void> {
    this.growPauses();
    this.queue = await this.jobs.createQueue({ name: QUEUE, process: job => this.send(job.data) });
    // Blocking handlers run within the transaction that changes the order: the job is stored if, and
    // only if, the change is.
    this.events.registerBlockingEventHandler({
      id: "afs-order-state",
      event: OrderStateTransitionEvent,
      handler: event => this.onOrderState(event),
    });
    this.events.registerBlockingEventHandler({
      id: "afs-refund-state",
      event: RefundStateTransitionEvent,
      handler: event => this.onRefundState(event),
    });
  }

  /**
   * A worker that is killed leaves its job running, and the queue in the database never takes that up
   * again. It does no harm if another worker is at it: AFS counts an event once.
   */
  async onApplicationBootstrap(): Promise<void> {
    const strategy = this.config.jobQueueOptions.jobQueueStrategy;
    if (!(strategy instanceof PollingJobQueueStrategy) || !isInspectableJobQueueStrategy(strategy)) {
      return;
    }
    const left = await strategy.findMany({ filter: { queueName: { eq: QUEUE }, state: { eq: "RUNNING" } } });
    for (const job of left.items) {
      job.defer();
      await strategy.update(job);
    }
  }

  private async onOrderState({ ctx, order, toState }: OrderStateTransitionEvent): Promise<void> {
    const completed = AfsPlugin.options.completedStates ?? ["Delivered"];
    if (completed.includes(toState)) {
      await this.add(ctx, order, "completed");
    } else if (toState === "Cancelled" && order.orderPlacedAt) {
      await this.add(ctx, order, "cancelled");
    }
  }

  private async onRefundState({ ctx, order, refund, toState }: RefundStateTransitionEvent): Promise<void> {
    if (toState !== "Settled") {
      return;
    }
    const payments = await this.orders.getOrderPayments(ctx, order.id);
    const settled = payments.filter(payment => payment.state === "Settled");
    const paid = settled.reduce((sum, payment) => sum + payment.amount, 0);
    const refunded = payments
      .flatMap(payment => payment.refunds)
      // The order's own record of this refund may not be written yet.
      .filter(one => one.state === "Settled" || one.id === refund.id)
      .reduce((sum, one) => sum + one.total, 0);
    if (refunded >= paid) {
      await this.add(ctx, order, "refunded");
    }
  }

  private async add(ctx: RequestContext, order: Order, change: Change["change"]): Promise<void> {
    const data = { change, orderId: order.id, channelToken: ctx.channel.token, at: new Date().toISOString() };
    try {
      await this.queue.add(data, { retries: RETRIES, ctx });
    } catch (error) {
      // The order goes on without us.
      Logger.error(`Order ${order.code} is ${change}, and AFS is not told: ${error}`, "AfsPlugin");
    }
  }

  private async send({ change, orderId, channelToken, at }: Change): Promise<void> {
    const { url, secret, test, links, locale } = AfsPlugin.options;
    const ctx = await this.contexts.create({ apiType: "admin", channelOrToken: channelToken });
    const order = await this.orders.findOne(ctx, orderId, [
      "customer",
      "lines",
      "lines.productVariant",
      "lines.productVariant.product",
    ]);
    const id = String(orderId);
    const data = order && {
      number: order.code,
      email: order.customer?.emailAddress,
      name: [order.customer?.firstName, order.customer?.lastName].filter(Boolean).join(" "),
      locale: locale?.(order),
      country: order.shippingAddress?.countryCode,
      region: order.shippingAddress?.province,
      business: Boolean(order.billingAddress?.company),
      fulfilment: fulfilmentOf(order.state),
      placed_at: order.orderPlacedAt?.toISOString(),
      items: order.lines
        .filter(line => line.quantity > 0)
        .map(({ productVariant }) => ({
          name: productVariant.name,
          sku: productVariant.sku,
          ...links?.(productVariant),
        })),
      test: test ?? false,
    };
    await post(url, secret, `order-${id}-${change}`, {
      type: `order.${change}`,
      timestamp: at,
      data: { ...data, id },
    });
  }

  /** The queue in the database waits a second before each retry. For ours the pause doubles, as BullMQ's does. */
  private growPauses(): void {
    const strategy = this.config.jobQueueOptions.jobQueueStrategy;
    if (strategy instanceof PollingJobQueueStrategy) {
      const others = strategy.backOffStrategy;
      strategy.backOffStrategy = (queue, attempts, job) =>
        queue === QUEUE ? 1000 * 2 ** (attempts - 1) : (others?.(queue, attempts, job) ?? 1000);
    }
  }
}

/** How far the order is, as AFS calls it. */
function fulfilmentOf(state: string): "partial" | "shipped" | "delivered" | undefined {
  switch (state) {
    case "PartiallyShipped":
    case "PartiallyDelivered":
      return "partial";
    case "Shipped":
      return "shipped";
    case "Delivered":
      return "delivered";
    default:
      return undefined;
  }
}
