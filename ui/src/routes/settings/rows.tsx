import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { t } from "@/lib/text";
import { Button, Loaded } from "@/ui";

type Pages<T> = { pages: Array<{ items: T[] }> };

type Props<T> = {
  query: UseInfiniteQueryResult<Pages<T>>;
  /** What they are, for screen readers. */
  label: string;
  empty?: ReactNode;
  children: (item: T) => ReactNode;
};

/** A short list of the settings: what it holds, page by page, or why it is empty. */
export function Rows<T extends { id: string }>({ query, label, empty, children }: Props<T>) {
  return (
    <Loaded query={query} compact>
      {(data) => {
        const items = data.pages.flatMap((page) => page.items);
        if (items.length === 0) return <>{empty}</>;
        return (
          <>
            <ul aria-label={label} className="divide-y">
              {items.map((item) => (
                <li
                  key={item.id}
                  className="flex min-h-13 flex-wrap items-center gap-x-3 gap-y-1.5 px-4 py-2 text-sm"
                >
                  {children(item)}
                </li>
              ))}
            </ul>
            {query.hasNextPage && (
              <div className="border-t p-2 text-center">
                <Button
                  variant="ghost"
                  size="sm"
                  pending={query.isFetchingNextPage}
                  onClick={() => void query.fetchNextPage()}
                >
                  {t("Show more")}
                </Button>
              </div>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

/** A line in bold, one below it in small. */
export function Said({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <div className="min-w-48 flex-1">
      <p className="flex min-w-0 items-center gap-2 font-medium">{title}</p>
      <p className="text-muted text-xs">{children}</p>
    </div>
  );
}
