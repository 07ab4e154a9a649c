import type { ExternalToast, toast as Sonner } from "sonner";

type Say = (title: string, options?: ExternalToast) => void;

let sonner: typeof Sonner | null = null;
let waiting: (() => void)[] = [];
const listeners = new Set<() => void>();

function saying(how: (toasts: typeof Sonner) => Say): Say {
  return (title, options) => {
    const say = () => sonner && how(sonner)(title, options);
    if (sonner) return void say();
    waiting.push(say);
    for (const each of listeners) each();
  };
}

/** Say at the edge of the page what has become of an action. The first view does not carry what shows it: what is said before
 * that is there is shown as soon as it is. */
export const toast: Say & { success: Say; error: Say } = Object.assign(
  saying((toasts) => toasts),
  { success: saying((toasts) => toasts.success), error: saying((toasts) => toasts.error) },
);

/** Called for each that has nothing yet to show it. */
export function onToastWaiting(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** To be called once the region for them stands in the page: it forgets what it is told before. */
export function toastsReady(toasts: typeof Sonner): void {
  sonner = toasts;
  for (const say of waiting) say();
  waiting = [];
}
