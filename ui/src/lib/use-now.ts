import { useSyncExternalStore } from "react";

type Clock = { subscribe: (notify: () => void) => () => void; read: () => number };

const clocks = new Map<number, Clock>();

/** The time in milliseconds, renewed every `every` milliseconds; all readers of one interval share one timer. 0: never. */
export function useNow(every = 10_000): number {
  const clock = clocks.get(every) ?? made(every);
  return useSyncExternalStore(clock.subscribe, clock.read);
}

/* `subscribe` is the same at every render: else all readers would leave and come back each time, and what they read with
   them. The time stands still between two ticks, however often it is read. */
function made(every: number): Clock {
  const subscribers = new Set<() => void>();
  let now = Date.now();
  let timer = 0;
  const tick = () => {
    now = Date.now();
    for (const each of subscribers) each();
  };
  const clock: Clock = {
    subscribe: (notify) => {
      if (every > 0 && subscribers.size === 0) {
        now = Date.now();
        timer = window.setInterval(tick, every);
      }
      subscribers.add(notify);
      return () => {
        subscribers.delete(notify);
        if (subscribers.size === 0) window.clearInterval(timer);
      };
    },
    read: () => now,
  };
  clocks.set(every, clock);
  return clock;
}
