import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { keys } from "@/api/queries/keys";
import { sessionQuery } from "@/api/queries/session";
import type { Discussed, Newest, Person } from "@/api/types";

/** What the stream of the open drawing has said last; null before its first word. Filled by `followDrawing`. */
function useNews<T>(queryKey: readonly unknown[]): T | null {
  const { data } = useQuery<T | null>({
    queryKey,
    queryFn: () => null,
    initialData: null,
    enabled: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return data;
}

/** How the comments stand. */
export function useDiscussed(id: string): Discussed | null {
  return useNews(keys.drawing.discussed(id));
}

/** The newest revision. */
export function useNewest(id: string): Newest | null {
  return useNews(keys.drawing.newest(id));
}

/** Who else has the drawing open. */
export function useOthers(id: string): readonly Person[] {
  const people = useNews<readonly Person[]>(keys.drawing.people(id));
  const { data: session } = useQuery(sessionQuery);
  return useMemo(
    () => (people && session ? people.filter(({ subject }) => subject !== session.subject) : NOBODY),
    [people, session],
  );
}

/** By node: open threads, and who else has it selected, one a line. `on` false: nothing of it, as of an earlier drawing. */
export function useTogether(id: string, on: boolean) {
  const discussed = useDiscussed(id);
  const others = useOthers(id);
  const selected = useMemo(() => {
    const found = new Map<string, string>();
    for (const { subject, selected } of others)
      for (const node of selected) {
        const held = found.get(node);
        found.set(node, held === undefined ? subject : `${held}\n${subject}`);
      }
    return found;
  }, [others]);
  return {
    threads: (node: string) => (on ? (discussed?.nodes[node] ?? 0) : 0),
    others: (node: string) => (on ? (selected.get(node) ?? "") : ""),
  };
}

const NOBODY: readonly Person[] = [];
