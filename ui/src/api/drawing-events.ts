import type { QueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { problemOf } from "./problem";
import { keys } from "./queries/keys";
import { readEvents } from "./sse";
import type { Discussed, Joined, Newest, People } from "./types";

/** A browser holds few connections to one server: a page that nobody has looked at for so long gives its own back. */
const HIDDEN = 30_000;
/** Milliseconds between two words about what is selected. */
const SAY = 600;

/** Have a drawing open: who else has, newer revisions and comments go into the cache (`useDrawingNews`), and what is selected here
 * is told. Whoever looks at another tab for half a minute no longer counts as here. */
export function followDrawing(client: QueryClient, id: string) {
  const stopped = new AbortController();
  const { signal } = stopped;
  let tab: string | null = null;
  let selected: readonly string[] = [];
  let told = "";
  let saying = 0;
  let cut = new AbortController();
  let hidden = 0;

  const say = async () => {
    window.clearTimeout(saying);
    saying = 0;
    if (tab === null) return;
    const body = { selected: selected.slice(0, 20) };
    told = body.selected.join("\n");
    try {
      await api.PUT("/api/v1/orchestrator/{id}/people/{tabId}", {
        params: { path: { id, tabId: tab } },
        body,
        signal,
      });
    } catch (error) {
      // This tab counts no more: begin again. Anything else is mended by the next ping.
      if (!signal.aborted && problemOf(error).status === 404) cut.abort();
    }
  };

  const take = (event: string, text: string) => {
    if (event === "ping") void say();
    else if (event === "joined") {
      tab = (JSON.parse(text) as Joined).tabId;
      if (selected.length > 0) void say();
    } else if (event === "people") {
      client.setQueryData(keys.drawing.people(id), (JSON.parse(text) as People).people);
    } else if (event === "revision") {
      client.setQueryData(keys.drawing.newest(id), JSON.parse(text) as Newest);
      void client.invalidateQueries({ queryKey: keys.orchestrators.revisions(id), exact: true });
    } else if (event === "comments") {
      client.setQueryData(keys.drawing.discussed(id), JSON.parse(text) as Discussed);
      void client.invalidateQueries({ queryKey: keys.comments.all(id) });
    }
  };

  const read = () => {
    cut = new AbortController();
    return readEvents(`/api/v1/orchestrator/${id}/events`, {
      signal: AbortSignal.any([signal, cut.signal]),
      take: (events) => {
        for (const each of events) take(each.event, each.data);
        return false;
      },
    });
  };

  const run = async () => {
    for (let tries = 0; !signal.aborted; tries++) {
      const began = Date.now();
      const outcome = await read().catch(() => "cut" as const);
      tab = null;
      if (signal.aborted || outcome === "gone") return;
      if (document.hidden) client.setQueryData(keys.drawing.people(id), []);
      if (Date.now() - began > 5_000) tries = 0;
      await seen(
        document.hidden && hidden === 0 ? Number.POSITIVE_INFINITY : 300 * 2 ** Math.min(tries, 5),
        signal,
      );
    }
  };

  document.addEventListener(
    "visibilitychange",
    () => {
      window.clearTimeout(hidden);
      hidden = 0;
      if (!document.hidden) return;
      hidden = window.setTimeout(() => {
        hidden = 0;
        cut.abort();
      }, HIDDEN);
    },
    { signal },
  );
  void run();

  return {
    select(nodes: readonly string[]) {
      selected = nodes;
      if (nodes.slice(0, 20).join("\n") !== told && saying === 0) saying = window.setTimeout(say, SAY);
    },
    stop() {
      stopped.abort();
      window.clearTimeout(saying);
      window.clearTimeout(hidden);
      client.removeQueries({ queryKey: keys.drawing.all(id) });
    },
  };
}

/** Resolves after so many milliseconds, or once the page is looked at again. */
function seen(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const done = () => {
      window.clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = Number.isFinite(milliseconds) ? window.setTimeout(done, milliseconds) : 0;
    signal.addEventListener("abort", done, { signal: over.signal });
    document.addEventListener("visibilitychange", () => !document.hidden && done(), { signal: over.signal });
  });
}
