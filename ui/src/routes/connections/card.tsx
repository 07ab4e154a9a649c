import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import {
  Ellipsis,
  KeyRound,
  Pencil,
  Power,
  RefreshCw,
  RotateCw,
  ScrollText,
  Trash2,
  UserLock,
} from "lucide-react";
import { useState } from "react";
import { toastProblem } from "@/api/problem";
import { useChangeConnection, useMay, useTestConnection } from "@/api/queries";
import { keys } from "@/api/queries/keys";
import type { Connection, Provider } from "@/api/types";
import { found, leftOut, Notice } from "@/connecting";
import { cn } from "@/lib/cn";
import { plural } from "@/lib/time";
import { toast } from "@/lib/toast";
import { useNow } from "@/lib/use-now";
import { Button, IconButton, Menu, type MenuItem, ProviderChip, StatusBadge, Timestamp } from "@/ui";
import { CredentialsDialog, RenameDialog } from "./change";
import { MayUseDialog, restriction } from "./may-use";
import { Outage } from "./outage";
import { RemoveDialog } from "./remove";
import { RotateDialog, secretsOf } from "./rotate";
import { type Use, UsedBy } from "./used-by";

type Doing = "rename" | "rotate" | "credentials" | "use" | "remove";

/** One connection: how it is, where it leads, and what can be done with it. */
export function ConnectionCard({
  connection,
  provider,
  uses,
  marked,
}: {
  connection: Connection;
  provider: Provider | undefined;
  /** The orchestrators that use it; undefined: not known yet. */
  uses: readonly Use[] | undefined;
  /** It is the one that the address names. */
  marked: boolean;
}) {
  const client = useQueryClient();
  const [doing, setDoing] = useState<Doing | null>(null);
  const test = useTestConnection();
  const change = useChangeConnection(connection.id);
  const mayTest = useMay("operator");
  const mayChange = useMay(connection.use.draw);
  const mayRestrict = useMay("admin");
  const navigate = useNavigate();
  const off = connection.status === "INACTIVE";
  const close = () => setDoing(null);

  const retest = () =>
    test.mutate(
      { provider: connection.provider, connectionId: connection.id },
      {
        onSuccess: (answer) => {
          void client.invalidateQueries({ queryKey: keys.providers.all, exact: true });
          if (answer.ok) toast.success(`${connection.name} works`, { description: found(answer) });
          else toast.error(`${connection.name} does not work`, { description: answer.problem?.message });
        },
        onError: (error) => toastProblem(error, `${connection.name} was not tested`),
      },
    );
  const turn = () =>
    change.mutate(
      { status: off ? "ACTIVE" : "INACTIVE" },
      { onError: (error) => toastProblem(error, `${connection.name} was not switched`) },
    );
  const items: MenuItem[] = [
    ...(provider && secretsOf(provider).length > 0
      ? [{ label: "Rotate secrets", icon: RotateCw, onSelect: () => setDoing("rotate") }]
      : []),
    {
      label: "Change credentials",
      icon: KeyRound,
      disabled: !provider,
      onSelect: () => setDoing("credentials"),
    },
    ...(mayRestrict ? [{ label: "Who may use it", icon: UserLock, onSelect: () => setDoing("use") }] : []),
    { label: "Rename", icon: Pencil, onSelect: () => setDoing("rename") },
    { label: off ? "Switch on" : "Switch off", icon: Power, onSelect: turn },
    ...(mayRestrict
      ? [
          {
            label: "Who changed it",
            icon: ScrollText,
            onSelect: () =>
              void navigate({ to: "/settings", search: { section: "audit", object: connection.id } }),
          },
        ]
      : []),
    { separator: true },
    { label: "Delete", icon: Trash2, danger: true, onSelect: () => setDoing("remove") },
  ];
  return (
    <article
      aria-label={connection.name}
      className={cn(
        "flex h-full flex-col gap-3 rounded-lg border bg-surface p-4 shadow-card",
        marked && "border-accent",
      )}
    >
      <header className="flex items-start gap-3">
        <ProviderChip provider={connection.provider} size="lg" />
        <div className="min-w-0 flex-1">
          <h3 className="truncate font-semibold text-sm">{connection.name}</h3>
          <p className="truncate text-muted text-xs" title={connection.baseUrl}>
            {connection.baseUrl}
          </p>
        </div>
        <StatusBadge status={connection.breaker.state === "closed" ? connection.status : "HELD"} />
      </header>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 text-xs [&>*]:leading-6 [&_dd]:min-w-0 [&_dd]:truncate [&_dt]:text-muted">
        <dt>Account</dt>
        <dd>{connection.account ?? "–"}</dd>
        <dt>Workflows</dt>
        <dd>
          <Link
            to="/workflows"
            search={{ provider: connection.provider, connection: connection.id }}
            className="inline-block min-h-6 text-accent-text hover:underline"
          >
            {connection.workflows === null ? "Browse" : plural(connection.workflows, "workflow")}
          </Link>
        </dd>
        <dt>Used by</dt>
        <dd>{uses && <UsedBy name={connection.name} uses={uses} />}</dd>
        {restriction(connection.use) && (
          <>
            <dt>Use</dt>
            <dd title={restriction(connection.use) ?? undefined}>{restriction(connection.use)}</dd>
          </>
        )}
        <dt>Last sync</dt>
        <dd>{connection.lastSync ? <Timestamp at={connection.lastSync} /> : "Never"}</dd>
        {connection.secretsDate && (
          <>
            <dt>Key</dt>
            <dd>
              <KeyAge connection={connection} />
            </dd>
          </>
        )}
        <dt>Last check</dt>
        <dd>{connection.lastChecked ? <Timestamp at={connection.lastChecked} /> : "Never"}</dd>
      </dl>
      {connection.leftOut.length > 0 && (
        <Notice tone="warning" title="Its list of workflows is not the whole">
          {leftOut(connection.leftOut).join(" ")}
        </Notice>
      )}
      <Outage connection={connection} />
      {connection.lastError && (
        <Notice tone="failed" title={connection.lastError.message}>
          {connection.lastError.hint}
        </Notice>
      )}
      {mayTest && (
        <footer className="mt-auto flex items-center justify-between gap-2">
          <Button size="sm" icon={RefreshCw} pending={test.isPending} onClick={retest}>
            Test<span className="sr-only"> {connection.name}</span>
          </Button>
          {mayChange && (
            <Menu
              align="end"
              items={items}
              trigger={<IconButton size="sm" icon={Ellipsis} label={`More for ${connection.name}`} />}
            />
          )}
        </footer>
      )}
      {doing === "use" && <MayUseDialog connection={connection} onClose={close} />}
      {doing === "rename" && <RenameDialog connection={connection} onClose={close} />}
      {doing === "rotate" && provider && (
        <RotateDialog connection={connection} provider={provider} onClose={close} />
      )}
      {doing === "credentials" && provider && (
        <CredentialsDialog connection={connection} provider={provider} onClose={close} />
      )}
      {doing === "remove" && <RemoveDialog connection={connection} onClose={close} />}
    </article>
  );
}

const SOON = 14 * 86_400_000;

/** How old its key is; and, where the key itself says when it ends, until when it can be rotated. */
function KeyAge({ connection: { secretsDate, secretsExpire } }: { connection: Connection }) {
  const now = useNow(60_000);
  if (!secretsExpire) {
    return (
      <>
        entered <Timestamp at={secretsDate} />
      </>
    );
  }
  const left = Date.parse(secretsExpire) - now;
  if (left <= 0) {
    return (
      <span className="text-st-failed">
        ended <Timestamp at={secretsExpire} />
      </span>
    );
  }
  return (
    <span className={cn(left < SOON && "text-st-warning")}>
      rotate <Timestamp at={secretsExpire} ahead />
    </span>
  );
}
