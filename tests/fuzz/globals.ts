const ROOTS = [
  ...[Object, Function, Array, String, Number, Boolean, Promise, Map, Set, Date, Error, TypeError, RegExp, Symbol],
  ...[BigInt, ArrayBuffer, Uint8Array, WeakMap, Proxy],
];
const OWNERS: object[] = [
  ...ROOTS,
  ...ROOTS.flatMap(({ prototype }) => (prototype ? [prototype as object] : [])),
  ...[JSON, Math, Reflect, Intl, globalThis],
];
const TAKEN = new Map<object, Map<PropertyKey, PropertyDescriptor | undefined>>();

/** Remembers what all objects come from, to see whether anything changed it. */
export function rememberGlobals(): void {
  for (const owner of OWNERS) {
    // Asking for a global that is made when it is first asked for would change it.
    const keys = Reflect.ownKeys(owner);
    TAKEN.set(
      owner,
      new Map(keys.map((key) => [key, owner === globalThis ? undefined : Object.getOwnPropertyDescriptor(owner, key)])),
    );
  }
}

/** What differs from what was remembered; undefined where nothing does. */
export function changedGlobal(): string | undefined {
  for (const owner of OWNERS) {
    const before = TAKEN.get(owner);
    const keys = Reflect.ownKeys(owner);
    if (!before || keys.length !== before.size)
      return `${nameOf(owner)} has other fields: ${keys.slice(-3).map(String)}`;
    if (owner === globalThis) continue;
    for (const key of keys) {
      const was = before.get(key);
      const is = Object.getOwnPropertyDescriptor(owner, key);
      // What a pattern found last is kept by the language itself.
      const isSame = was?.get ? is?.get === was.get && is?.set === was.set : Object.is(is?.value, was?.value);
      if (!isSame) return `${nameOf(owner)}.${String(key)} is another`;
    }
  }
  return undefined;
}

/** The quick look after every input: nothing was added to what every object comes from. */
export function isPolluted(): boolean {
  return Reflect.ownKeys(Object.prototype).length !== TAKEN.get(Object.prototype)?.size;
}

const nameOf = (owner: object) => (typeof owner === 'function' ? owner.name : Object.prototype.toString.call(owner));
