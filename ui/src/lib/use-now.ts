import { useSyncExternalStore } from "react";

const listeners = new Map<number, { now: number; subscribers: Set<() => void>; timer: number }>();

/** The time in milliseconds, renewed every `every` milliseconds; all readers of one interval share one timer. 0: never. */
export function useNow(every = 10_000): number {
  return useSyncExternalStore(
    (notify) => {
      if (every === 0) return () => {};
      let entry = listeners.get(every);
      if (!entry) {
        const made = { now: Date.now(), subscribers: new Set<() => void>(), timer: 0 };
        made.timer = window.setInterval(() => {
          made.now = Date.now();
          for (const each of made.subscribers) each();
        }, every);
        listeners.set(every, made);
        entry = made;
      }
      const held = entry;
      held.subscribers.add(notify);
      return () => {
        held.subscribers.delete(notify);
        if (held.subscribers.size === 0) {
          window.clearInterval(held.timer);
          listeners.delete(every);
        }
      };
    },
    () => listeners.get(every)?.now ?? start,
  );
}

const start = Date.now();
