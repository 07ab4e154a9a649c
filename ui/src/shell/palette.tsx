import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Monitor, Moon, Sun, Workflow } from "lucide-react";
import { Dialog } from "radix-ui";
import { useState } from "react";
import { orchestratorsQuery, runsQuery } from "@/api/queries";
import { type GoId, keyOf } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { setTheme } from "@/theme/theme";
import { Kbd, StatusIcon } from "@/ui";
import { type Command as Action, useCommandStore } from "./commands";
import { LOWER_PLACES, PLACES } from "./nav";

/** Ctrl/Cmd+K: go anywhere, do anything the screen offers. */
export function CommandPalette() {
  const { open, commands } = useCommandStore();
  return (
    <Dialog.Root open={open} onOpenChange={(next) => useCommandStore.setState({ open: next })}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-[oklch(0.15_0.02_268/0.45)]" />
        <Dialog.Content
          aria-describedby={undefined}
          className="-translate-x-1/2 fixed top-[12vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl overflow-hidden rounded-xl bg-raised shadow-pop"
        >
          <Dialog.Title className="sr-only">{t("Go to or do")}</Dialog.Title>
          <Content commands={commands} close={() => useCommandStore.setState({ open: false })} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Content({ commands, close }: { commands: readonly Action[]; close: () => void }) {
  const [text, setText] = useState("");
  const navigate = useNavigate();
  const orchestrators = useInfiniteQuery(orchestratorsQuery(text));
  const runs = useInfiniteQuery(runsQuery(text ? { q: text } : {}, 5));
  const groups = Map.groupBy(commands, (command) => command.group ?? t("On this page"));
  const go = (action: () => void) => () => {
    close();
    action();
  };
  return (
    <Command label={t("Go to or do")} className="text-sm">
      <Command.Input
        autoFocus
        value={text}
        onValueChange={setText}
        placeholder={t("Go to or do …")}
        className="h-12 w-full border-b bg-transparent px-4 text-base outline-none placeholder:text-muted"
      />
      <Command.List label={t("Suggestions")} className="max-h-[50vh] overflow-y-auto p-2" tabIndex={-1}>
        <Command.Empty className="px-3 py-6 text-center text-muted">{t("Nothing found")}</Command.Empty>
        {[...groups].map(([heading, items]) => (
          <Group key={heading} heading={heading}>
            {items.map(({ id, label, icon: Icon, shortcut, keywords, run }) => (
              <Item key={id} value={id} keywords={[label, ...(keywords ?? [])]} onSelect={go(run)}>
                {Icon && <Icon aria-hidden className="size-4 text-muted" />}
                <span className="flex-1">{label}</span>
                {shortcut && <Kbd keys={shortcut} />}
              </Item>
            ))}
          </Group>
        ))}
        <Group heading={t("Go to")}>
          {[...PLACES, ...LOWER_PLACES].map(({ to, label, icon: Icon, go: id }) => (
            <Item key={to} value={`go ${to}`} keywords={[label]} onSelect={go(() => void navigate({ to }))}>
              <Icon aria-hidden className="size-4 text-muted" />
              <span className="flex-1">{label}</span>
              <Keys of={id} />
            </Item>
          ))}
        </Group>
        <Group heading={t("Orchestrators")}>
          {(orchestrators.data?.pages[0]?.items ?? []).slice(0, 6).map((item) => (
            <Item
              key={item.id}
              value={item.id}
              keywords={[item.name]}
              onSelect={go(() => void navigate({ to: "/orchestrators/$id", params: { id: item.id } }))}
            >
              <Workflow aria-hidden className="size-4 text-muted" />
              <span className="truncate">{item.name}</span>
            </Item>
          ))}
        </Group>
        <Group heading={t("Runs")}>
          {(runs.data?.pages[0]?.items ?? []).map((run) => (
            <Item
              key={run.id}
              value={run.id}
              keywords={[run.orchestratorName, `#${run.number}`, String(run.number), run.status]}
              onSelect={go(() => void navigate({ to: "/runs/$runId", params: { runId: run.id } }))}
            >
              <StatusIcon status={run.status} />
              <span className="truncate">{run.orchestratorName}</span>
              <span className="tabular text-muted">#{run.number}</span>
            </Item>
          ))}
        </Group>
        <Group heading={t("Appearance")}>
          <Item
            value="theme system"
            keywords={[t("theme"), t("follow system")]}
            onSelect={go(() => setTheme("system"))}
          >
            <Monitor aria-hidden className="size-4 text-muted" /> {t("Theme: follow the system")}
          </Item>
          <Item value="theme light" keywords={[t("theme")]} onSelect={go(() => setTheme("light"))}>
            <Sun aria-hidden className="size-4 text-muted" /> {t("Theme: light")}
          </Item>
          <Item value="theme dark" keywords={[t("theme")]} onSelect={go(() => setTheme("dark"))}>
            <Moon aria-hidden className="size-4 text-muted" /> {t("Theme: dark")}
          </Item>
        </Group>
      </Command.List>
    </Command>
  );
}

function Keys({ of }: { of: GoId }) {
  const keys = keyOf(of);
  return keys ? <Kbd keys={keys} /> : null;
}

function Group({ heading, children }: { heading: string; children: React.ReactNode }) {
  if (Array.isArray(children) && children.length === 0) return null;
  return (
    <Command.Group
      heading={heading}
      className="mb-1 [&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-muted [&_[cmdk-group-heading]]:text-xs"
    >
      {children}
    </Command.Group>
  );
}

function Item({ children, ...rest }: React.ComponentProps<typeof Command.Item>) {
  return (
    <Command.Item
      {...rest}
      className="flex h-9 items-center gap-2.5 rounded-md px-2 data-[selected=true]:bg-hover"
    >
      {children}
    </Command.Item>
  );
}
