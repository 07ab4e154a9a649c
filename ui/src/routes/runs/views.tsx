import { useQuery } from "@tanstack/react-query";
import { BookmarkPlus, X } from "lucide-react";
import { useMemo, useState } from "react";
import { runSummaryQuery, sessionQuery } from "@/api/queries";
import { cn } from "@/lib/cn";
import { usePersistent } from "@/lib/persist";
import { t } from "@/lib/text";
import { count } from "@/lib/time";
import { Button, Field, IconButton, Input, Popover } from "@/ui";
import { present, type RunsSearch } from "./search";

type View = { name: string; search: RunsSearch; count?: number; hint: string };
type Kept = { name: string; search: RunsSearch };

type Props = { search: RunsSearch; onOpen: (search: RunsSearch) => void };

/** Saved searches with how many runs each has: built-in ones, and this reader's own. */
export function Views({ search, onOpen }: Props) {
  const views = useViews();
  const [own, setOwn] = usePersistent<Kept[]>("runs-views", []);
  const known = [...views, ...own].some((view) => same(view.search, search));
  return (
    <nav
      aria-label={t("Views")}
      className="flex shrink-0 flex-wrap content-start gap-0.5 xl:w-36 xl:flex-col xl:flex-nowrap xl:[&>button]:flex-none"
    >
      {views.map((view) => (
        <ViewButton key={view.name} view={view} here={same(view.search, search)} onOpen={onOpen} />
      ))}
      {own.length > 0 && <hr className="my-1.5 hidden border-line xl:block" />}
      {own.map((view) => (
        <div key={view.name} className="group flex items-center">
          <ViewButton
            view={{ ...view, hint: t("A view of your own") }}
            here={same(view.search, search)}
            onOpen={onOpen}
          />
          <IconButton
            size="sm"
            icon={X}
            label={t("Remove the view {name}", { name: view.name })}
            className="size-6 shrink-0 text-muted opacity-0 focus-visible:opacity-100 group-hover:opacity-100"
            onClick={() => setOwn(own.filter((other) => other !== view))}
          />
        </div>
      ))}
      {!known && (
        <SaveView
          taken={[...views, ...own].map((view) => view.name)}
          onSave={(name) => setOwn([...own, { name, search: present({ ...search }) }])}
        />
      )}
    </nav>
  );
}

function ViewButton({ view, here, onOpen }: { view: View; here: boolean; onOpen: Props["onOpen"] }) {
  return (
    <button
      type="button"
      aria-current={here ? "page" : undefined}
      title={view.hint}
      onClick={() => onOpen(view.search)}
      className={cn(
        "flex h-7 min-w-0 max-w-full items-center justify-between gap-2 rounded-md px-2 text-left text-sm hover:bg-hover xl:flex-1",
        here ? "bg-pressed font-medium text-ink" : "text-muted",
      )}
    >
      <span className="truncate">{view.name}</span>
      {view.count !== undefined && <span className="tabular text-xs">{count(view.count)}</span>}
    </button>
  );
}

function SaveView({ taken, onSave }: { taken: readonly string[]; onSave: (name: string) => void }) {
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const chosen = name.trim();
  const twice = taken.includes(chosen);
  return (
    <Popover
      label={t("Keep this view")}
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button variant="ghost" size="sm" icon={BookmarkPlus} className="justify-start px-2 text-muted">
          {t("Keep this view")}
        </Button>
      }
    >
      <form
        className="flex w-60 flex-col gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          if (!chosen || twice) return;
          onSave(chosen);
          setName("");
          setOpen(false);
        }}
      >
        <Field
          label={t("Name")}
          error={twice ? t("There is a view of this name.") : undefined}
          hint={t("Kept in this browser.")}
        >
          <Input value={name} maxLength={40} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Button type="submit" variant="primary" disabled={!chosen || twice} className="self-end">
          {t("Keep")}
        </Button>
      </form>
    </Popover>
  );
}

function useViews(): View[] {
  const { data: session } = useQuery(sessionQuery);
  const by = session?.subject;
  const { data: all } = useQuery({ ...runSummaryQuery({}, 1), refetchInterval: 30_000 });
  const { data: mine } = useQuery({
    ...runSummaryQuery({ by: by ?? "" }, 1),
    enabled: by !== undefined,
    refetchInterval: 30_000,
  });
  const { data: held } = useQuery({ ...runSummaryQuery({ held: true }, 1), refetchInterval: 30_000 });
  const { data: slow } = useQuery({ ...runSummaryQuery({ slow: true }, 1), refetchInterval: 30_000 });
  const { data: forMe } = useQuery({
    ...runSummaryQuery({ waitingForMe: true }, 1),
    refetchInterval: 30_000,
  });
  return useMemo(() => {
    const total = (counts: Record<string, number> | undefined) =>
      counts && Object.values(counts).reduce((sum, each) => sum + each, 0);
    return [
      { name: t("All"), search: {}, count: total(all?.counts), hint: t("Counted: the last 24 hours") },
      {
        name: t("Failed"),
        search: { status: ["FAILED"], since: "24h" },
        count: all?.failed24h,
        hint: t("Failed in the last 24 hours"),
      },
      {
        name: t("Waiting for me"),
        search: { waitingForMe: true },
        count: total(forMe?.live),
        hint: t(
          "Waiting for a callback that a person can give, of runs I started or orchestrators I saved last",
        ),
      },
      {
        name: t("Held"),
        search: { held: true },
        count: total(held?.live),
        hint: t("Held back by an outage now, whenever they began"),
      },
      {
        name: t("Slow"),
        search: { slow: true, since: "24h" },
        count: total(slow?.counts),
        hint: t("Of the last 24 hours: twice as long as the orchestrator usually takes, and a second more"),
      },
      ...(by
        ? [
            {
              name: t("Mine"),
              search: { by },
              count: total(mine?.counts),
              hint: t("Started by me. Counted: the last 24 hours"),
            },
          ]
        : []),
      {
        name: t("Archived"),
        search: { archived: true },
        hint: t("Put away: no other view and no count has them"),
      },
    ];
  }, [all, mine, held, slow, forMe, by]);
}

function same(one: RunsSearch, other: RunsSearch): boolean {
  const text = (search: RunsSearch) => {
    const { group: _, ...rest } = present({ ...search });
    return JSON.stringify(Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  return text(one) === text(other);
}
