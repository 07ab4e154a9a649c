import { type ComponentType, type ReactNode, useEffect, useReducer, useState } from "react";
import { t } from "@/lib/text";
import { ErrorState } from "./states";

let loads: (() => Promise<unknown>)[] = [];

/** A part that opens at a wish: the first view does not carry it. `fetchLater` has it there before the wish; when the wish comes
 * first, the part is shown as soon as it is there.
 *
 * `meanwhile` is what stands there until then. Not React's `lazy`: that shows nothing for a moment even of what is there, and never asks again for what did not come. */
export function later<P extends object>(
  load: () => Promise<ComponentType<P>>,
  meanwhile: (props: P) => ReactNode = () => null,
): ComponentType<P> {
  let there: ComponentType<P> | undefined;
  const fetched = async () => {
    there ??= await load();
  };
  loads.push(fetched);
  return function Later(props: P) {
    const [failed, setFailed] = useState<unknown>();
    const [tries, again] = useReducer((count: number) => count + 1, 0);
    // biome-ignore lint/correctness/useExhaustiveDependencies: asked for once at the wish, and at every "Try again"
    useEffect(() => {
      if (there) return;
      let gone = false;
      const arrived = (error?: unknown) => {
        if (gone) return;
        setFailed(error);
        if (there) again();
      };
      fetched().then(() => arrived(), arrived);
      return () => {
        gone = true;
      };
    }, [tries]);
    if (there) {
      const Part = there;
      return <Part {...props} />;
    }
    return (
      <>
        {meanwhile(props)}
        {failed !== undefined && (
          <div className="fixed bottom-4 left-1/2 z-50 w-96 max-w-[92vw] -translate-x-1/2 rounded-lg bg-raised shadow-pop">
            <ErrorState
              compact
              error={failed}
              title={t("This part of the page did not come")}
              retry={again}
            />
          </div>
        )}
      </>
    );
  };
}

/** Fetch what opens at a wish, while nothing else is to be done. */
export function fetchLater(...more: (() => Promise<unknown>)[]): void {
  const begin = () => {
    // What does not come now is asked for again at its wish, and says so there.
    for (const load of [...loads, ...more]) load().catch(() => {});
    loads = [];
  };
  whenIdle(begin);
}

/** False until nothing else is to be done: for what is part of the page, but not of its first view. */
export function useIdle(): boolean {
  const [idle, setIdle] = useState(false);
  useEffect(() => whenIdle(() => setIdle(true)), []);
  return idle;
}

function whenIdle(begin: () => void): void {
  if ("requestIdleCallback" in window) window.requestIdleCallback(begin, { timeout: 2000 });
  else setTimeout(begin, 500);
}
