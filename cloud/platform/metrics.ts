import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = {
  /** A count that only grows. The same name gives the same one. */
  counter(name: string, help: string, labels?: string[]): Counter;
  gauge(name: string, help: string, labels?: string[]): Gauge;
  /** In seconds, unless `buckets` say otherwise. */
  histogram(name: string, help: string, labels?: string[], buckets?: number[]): Histogram;
  /** The Prometheus text of all of them. */
  text(): Promise<string>;
  contentType: string;
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const known = new Map<string, Counter | Gauge | Histogram>();
  const once = <M extends Counter | Gauge | Histogram>(name: string, make: () => M): M => {
    const made = (known.get(name) as M | undefined) ?? make();
    known.set(name, made);
    return made;
  };
  const registers = [registry];
  return {
    counter: (name, help, labelNames = []) => once(name, () => new Counter({ name, help, labelNames, registers })),
    gauge: (name, help, labelNames = []) => once(name, () => new Gauge({ name, help, labelNames, registers })),
    histogram: (name, help, labelNames = [], buckets = [0.01, 0.05, 0.1, 0.3, 1, 3, 10]) =>
      once(name, () => new Histogram({ name, help, labelNames, buckets, registers })),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
