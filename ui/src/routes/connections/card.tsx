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
import { rich, t } from "@/lib/text";
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
          if (answer.ok)
            toast.success(t("{name} works", { name: connection.name }), { description: found(answer) });
          else
            toast.error(t("{name} does not work", { name: connection.name }), {
              description: answer.problem?.message,
            });
        },
        onError: (error) => toastProblem(error, t("{name} was not tested", { name: connection.name })),
      },
    );
  const turn = () =>
    change.mutate(
      { status: off ? "ACTIVE" : "INACTIVE" },
      { onError: (error) => toastProblem(error, t("{name} was not switched", { name: connection.name })) },
    );
  const items: MenuItem[] = [
    ...(provider && secretsOf(provider).length > 0
      ? [{ label: t("Rotate secrets"), icon: RotateCw, onSelect: () => setDoing("rotate") }]
      : []),
    {
      label: t("Change credentials"),
      icon: KeyRound,
      disabled: !provider,
      onSelect: () => setDoing("credentials"),
    },
    ...(mayRestrict ? [{ label: t("Who may use it"), icon: UserLock, onSelect: () => setDoing("use") }] : []),
    { label: t("Rename"), icon: Pencil, onSelect: () => setDoing("rename") },
    { label: off ? t("Switch on") : t("Switch off"), icon: Power, onSelect: turn },
    ...(mayRestrict
      ? [
          {
            label: t("Who changed it"),
            icon: ScrollText,
            onSelect: () =>
              void navigate({ to: "/settings", search: { section: "audit", object: connection.id } }),
          },
        ]
      : []),
    { separator: true },
    { label: t("Delete"), icon: Trash2, danger: true, onSelect: () => setDoing("remove") },
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
        <dt>{t("Account")}</dt>
        <dd>{connection.account ?? "–"}</dd>
        <dt>{t("Workflows")}</dt>
        <dd>
          <Link
            to="/workflows"
            search={{ provider: connection.provider, connection: connection.id }}
            className="inline-block min-h-6 text-accent-text hover:underline"
          >
            {connection.workflows === null
              ? t("Browse")
              : t("{workflows, plural, one {# workflow} other {# workflows}}", {
                  workflows: connection.workflows,
                })}
          </Link>
        </dd>
        <dt>{t("Used by")}</dt>
        <dd>{uses && <UsedBy name={connection.name} uses={uses} />}</dd>
        {restriction(connection.use) && (
          <>
            <dt>{t("Use")}</dt>
            <dd title={restriction(connection.use) ?? undefined}>{restriction(connection.use)}</dd>
          </>
        )}
        <dt>{t("Last sync")}</dt>
        <dd>{connection.lastSync ? <Timestamp at={connection.lastSync} /> : t("Never")}</dd>
        {connection.secretsDate && (
          <>
            <dt>{t("Key")}</dt>
            <dd>
              <KeyAge connection={connection} />
            </dd>
          </>
        )}
        <dt>{t("Last check")}</dt>
        <dd>{connection.lastChecked ? <Timestamp at={connection.lastChecked} /> : t("Never")}</dd>
      </dl>
      {connection.leftOut.length > 0 && (
        <Notice tone="warning" title={t("Its list of workflows is not the whole")}>
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
            {t("Test")}
            <span className="sr-only"> {connection.name}</span>
          </Button>
          {mayChange && (
            <Menu
              align="end"
              items={items}
              trigger={
                <IconButton
                  size="sm"
                  icon={Ellipsis}
                  label={t("More for {name}", { name: connection.name })}
                />
              }
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
    return rich("entered {when}", { when: <Timestamp at={secretsDate} /> });
  }
  const left = Date.parse(secretsExpire) - now;
  if (left <= 0) {
    return (
      <span className="text-st-failed">
        {rich("ended {when}", { when: <Timestamp at={secretsExpire} /> })}
      </span>
    );
  }
  return (
    <span className={cn(left < SOON && "text-st-warning")}>
      {rich("rotate {when}", { when: <Timestamp at={secretsExpire} ahead /> })}
    </span>
  );
}
