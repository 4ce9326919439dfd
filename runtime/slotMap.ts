/**
 * A map for what comes and goes by the thousand. A `Map` that is added to and deleted from is made anew again and again, and
 * each table keeps the next one reachable until a full collection, with everything that stood in it. Here only numbers do.
 */
export function createSlotMap<V extends object>() {
  const places = new Map<string, number>();
  const slots: (V | undefined)[] = [];
  const free: number[] = [];

  return {
    get size(): number {
      return places.size;
    },
    get(key: string): V | undefined {
      const place = places.get(key);
      return place === undefined ? undefined : slots[place];
    },
    set(key: string, value: V): void {
      const place = places.get(key) ?? free.pop() ?? slots.length;
      places.set(key, place);
      slots[place] = value;
    },
    delete(key: string): void {
      const place = places.get(key);
      if (place === undefined) return;
      places.delete(key);
      slots[place] = undefined;
      free.push(place);
    },
    /** In no order that means anything. */
    values: (): V[] => slots.filter((value) => value !== undefined),
    keys: (): string[] => [...places.keys()],
  };
}
