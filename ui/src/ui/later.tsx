import type { AsyncRouteComponent } from "@tanstack/react-router";
import { type ComponentType, type ReactNode, useEffect, useReducer, useState } from "react";
import { Problem, problemOf } from "@/api/problem";
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
  const [Part, fetched] = arriving(load, meanwhile, Corner);
  loads.push(fetched);
  return Part;
}

/** A screen, which the router has there before it goes to it. Not the router's own: where the network is cut, that loads the page
 * anew, and the browser shows its own words in the place of the app. */
export function laterScreen<Found, Name extends keyof Found>(
  load: () => Promise<Found>,
  name: Name,
): Found[Name] extends ComponentType ? AsyncRouteComponent<object> : never;
export function laterScreen(load: () => Promise<Record<string, ComponentType>>, name: string): unknown {
  const [Screen, fetched] = arriving(
    () => load().then((found) => found[name] as ComponentType),
    () => null,
    Whole,
  );
  // What does not come says so in its place.
  return Object.assign(Screen, { preload: () => fetched().catch(() => {}) });
}

/** What a person can make of it; what the browser says comes last. */
function cut(error: unknown): Problem {
  const { detail } = problemOf(error);
  return new Problem({
    status: 0,
    code: "client",
    title: t("It did not come"),
    detail: t("The network is cut, or the server is not there."),
    hint: t("It comes by itself once the network is back. The browser says: {detail}", { detail }),
  });
}

type Missing = ComponentType<{ error: unknown; retry: () => void }>;

function arriving<P extends object>(
  load: () => Promise<ComponentType<P>>,
  meanwhile: (props: P) => ReactNode,
  Missing: Missing,
): [ComponentType<P>, () => Promise<void>] {
  let there: ComponentType<P> | undefined;
  const fetched = async () => {
    there ??= await load();
  };
  function Later(props: P) {
    const [failed, setFailed] = useState<unknown>();
    const [tries, again] = useReducer((count: number) => count + 1, 0);
    // Asked for once at the wish, at every "Try again", and when the network is back.
    useEffect(() => {
      if (there) return;
      let gone = false;
      const arrived = (error?: unknown) => {
        if (gone) return;
        setFailed(error);
        if (there) again();
        else if (tries > 0) void beginAnewIfReplaced(String(error));
      };
      fetched().then(() => arrived(), arrived);
      window.addEventListener("online", again);
      return () => {
        gone = true;
        window.removeEventListener("online", again);
      };
    }, [tries]);
    if (there) {
      const Part = there;
      return <Part {...props} />;
    }
    return (
      <>
        {meanwhile(props)}
        {failed !== undefined && <Missing error={cut(failed)} retry={again} />}
      </>
    );
  }
  return [Later, fetched];
}

/** A part that never comes though the server is there: a newer version has other parts. Once for each, so that a page never loads
 * itself without end. */
async function beginAnewIfReplaced(error: string): Promise<void> {
  const key = `began anew: ${error}`;
  if (sessionStorage.getItem(key)) return;
  const up = await fetch("/healthz", { cache: "no-store" }).then(
    (answer) => answer.ok,
    () => false,
  );
  if (!up) return;
  sessionStorage.setItem(key, "1");
  window.location.reload();
}

const Corner: Missing = ({ error, retry }) => (
  <div className="fixed bottom-4 left-1/2 z-50 w-96 max-w-[92vw] -translate-x-1/2 rounded-lg bg-raised shadow-pop">
    <ErrorState compact error={error} title={t("This part of the page did not come")} retry={retry} />
  </div>
);

const Whole: Missing = ({ error, retry }) => (
  <ErrorState error={error} title={t("This screen did not come")} retry={retry} />
);

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
