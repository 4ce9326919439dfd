/** First come, first served. It keeps its room: an array that is emptied and filled again takes new room each time. */
export type Queue<T> = {
  push(value: T): void;
  shift(): T | undefined;
  /** Takes out the first that matches. */
  take(matches: (value: T) => boolean): T | undefined;
};

export function createQueue<T>(): Queue<T> {
  const slots: (T | undefined)[] = [];
  let head = 0;
  let tail = 0;

  function shift(): T | undefined {
    if (head === tail) return undefined;
    const value = slots[head];
    slots[head++] = undefined;
    if (head === tail) {
      head = 0;
      tail = 0;
    }
    return value;
  }

  return {
    push(value) {
      slots[tail++] = value;
    },
    shift,
    take(matches) {
      for (let index = head; index < tail; index++) {
        const value = slots[index] as T;
        if (!matches(value)) continue;
        slots.copyWithin(index, index + 1, tail);
        slots[--tail] = undefined;
        return value;
      }
      return undefined;
    },
  };
}
