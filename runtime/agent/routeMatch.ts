import { SluiceError } from '#shared/error.ts';
import { corsHeaders, preflightHeaders } from '../connectors/trigger/cors.ts';
import { methodsOf, type Route, type RouteMatch, routesAt } from './servedRoutes.ts';

export type RouteAsk = {
  method: string;
  /** Without the slash before it, as it was called. */
  path: string;
  origin: string | undefined;
  /** What a browser says, that asks before it calls, it will call with. */
  wantedMethod: string | undefined;
  /** What stands before the path, for messages: `/api`. */
  base: string;
};

/** `cors`: headers of whatever is answered. `match` undefined: it was only asked (`OPTIONS`), answer 204 with them. */
export type RouteFound = { match: RouteMatch | undefined; cors: Record<string, string> };

/** The route that a request is for. Nothing is run for `OPTIONS`. @throws SluiceError hook.not_found, hook.method_not_allowed */
export function matchRoute(
  routes: readonly Route[],
  { method, path, origin, wantedMethod, base }: RouteAsk,
): RouteFound {
  const found = routesAt(routes, path);
  const named = `${base}/${path.slice(0, 500)}`;
  if (found.size === 0) {
    throw new SluiceError('hook.not_found', `No route listens at ${named}.`, {
      advice: 'The description of the API says which there are.',
    });
  }
  const methods = methodsOf(found);
  if (method === 'OPTIONS') return { match: undefined, cors: asked(found, methods, origin, wantedMethod) };
  const match = found.get(method);
  if (match) return { match, cors: corsHeaders(match.route.config.cors, origin) };
  throw new SluiceError('hook.method_not_allowed', `${named} takes ${methods.join(', ')}, not ${method}.`, {
    details: { methods },
    advice: `Call it with ${methods.join(' or ')}.`,
  });
}

function asked(
  found: ReadonlyMap<string, RouteMatch>,
  methods: string[],
  origin: string | undefined,
  wantedMethod: string | undefined,
): Record<string, string> {
  const allow = { allow: methods.join(', ') };
  const cors = wantedMethod === undefined ? undefined : found.get(wantedMethod)?.route.config.cors;
  if (!cors || origin === undefined) return allow;
  const callable = methods.filter((method) => found.get(method)?.route.config.cors === cors);
  return { ...allow, ...preflightHeaders(cors, origin, callable) };
}

/** Who may call from where is the route's to say: what a workflow says of it counts only where the route says nothing. */
export function withCors(own: Record<string, string>, cors: Record<string, string>): Record<string, string> {
  if (Object.keys(cors).length === 0) return own;
  const kept = Object.entries(own).filter(([name]) => !/^(?:access-control-.*|vary)$/i.test(name));
  const vary = Object.entries(own).find(([name]) => /^vary$/i.test(name))?.[1];
  const both = [vary, cors.vary].filter((one) => one !== undefined).join(', ');
  return { ...Object.fromEntries(kept), ...cors, ...(both === '' ? {} : { vary: both }) };
}
