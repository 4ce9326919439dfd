import type { Express, IRouter } from 'express';
import type { Access, RateClass } from '#shared/contract/contract.ts';

/** One route as the registry knows it. `name` is what logs and metrics say; they never say the path that was asked. */
export type Route = { name: string; method: string; path: string; access: Access; rate: RateClass };

/** Every route there is. A server with a route that is not in here does not start. */
export type Routes = {
  add(route: Route): Route;
  list(): readonly Route[];
  /** @throws Error naming each route of the app that nobody registered */
  checkAll(app: Express): void;
};

export function createRoutes(): Routes {
  const known = new Map<string, Route>();
  const key = (method: string, path: string) => `${method.toUpperCase()} ${path}`;
  return {
    add(route) {
      const at = key(route.method, route.path);
      if (known.has(at)) throw new Error(`The route ${at} is registered twice.`);
      known.set(at, route);
      return route;
    },
    list: () => [...known.values()],
    checkAll(app) {
      const strangers = routesOf(app.router).filter(({ method, path }) => !known.has(key(method, path)));
      if (strangers.length > 0) {
        const names = strangers.map(({ method, path }) => key(method, path)).join(', ');
        throw new Error(`These routes are not in the registry: ${names}. Add them with mount() or addRoute().`);
      }
    },
  };
}

type Layer = {
  route?: { path: string; methods: Record<string, boolean> };
  handle?: { stack?: Layer[] };
  match(path: string): boolean;
};

/** The methods that an address takes, where it is one of ours. */
export function methodsAt(app: Express, path: string): string[] {
  const found = new Set<string>();
  const walk = (layers: Layer[]): void => {
    for (const layer of layers) {
      if (!layer.route) walk(layer.handle?.stack ?? []);
      else if (matches(layer, path))
        for (const method of Object.keys(layer.route.methods)) found.add(method.toUpperCase());
    }
  };
  walk(app.router.stack as unknown as Layer[]);
  // Whatever answers a GET answers a HEAD.
  if (found.has('GET')) found.add('HEAD');
  return [...found].sort();
}

function matches(layer: Layer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    // A part that is not well formed, such as %zz.
    return false;
  }
}

function routesOf(router: IRouter): { method: string; path: string }[] {
  const walk = (layers: Layer[]): { method: string; path: string }[] =>
    layers.flatMap((layer) => {
      const { route, handle } = layer;
      if (!route) return walk(handle?.stack ?? []);
      return Object.keys(route.methods).map((method) => ({ method, path: route.path }));
    });
  return walk(router.stack as unknown as Layer[]);
}
