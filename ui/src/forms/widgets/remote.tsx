import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { connectionsQuery, orchestratorsQuery, providersQuery, workflowsQuery } from "@/api/queries";
import type { JsonObject } from "@/api/types";
import { t } from "@/lib/text";
import { relative } from "@/lib/time";
import { Combobox, ProviderChip } from "@/ui";
import type { WidgetProps } from "../types";

const providerOf = new Map<string, string>();

/** A connection stays while it belongs to the chosen provider. What is not known yet does not fit. */
export function connectionFits(value: unknown, parent: JsonObject): boolean {
  return typeof value === "string" && providerOf.get(value) === parent.provider;
}

const workflowsOf = new Map<string, Set<string>>();

/** A workflow stays while it is known to be one of the chosen connection. */
export function workflowFits(value: unknown, parent: JsonObject): boolean {
  const known = workflowsOf.get(`${text(parent.provider)} ${text(parent.connectionId)}`);
  return typeof value === "string" && (known?.has(value) ?? false);
}

export function ProviderWidget({ value, onChange, disabled }: WidgetProps<string | null>) {
  const { data, isPending } = useQuery(providersQuery);
  const options = (data ?? []).map((provider) => ({
    value: provider.name,
    label: provider.title,
    hint: provider.connections.length === 0 ? t("Not connected") : undefined,
    icon: <ProviderChip provider={provider.name} />,
  }));
  return (
    <Combobox
      value={value ?? null}
      onChange={onChange}
      options={options}
      loading={isPending}
      clearable
      disabled={disabled}
      placeholder={t("None: a plain webhook")}
    />
  );
}

export function ConnectionWidget({ value, onChange, parent, schema, disabled }: WidgetProps<string | null>) {
  const provider = schema["x-options"]?.parent === "provider" ? text(parent.provider) : null;
  const all = schema["x-options"]?.parent !== "provider";
  const { data, isPending } = useQuery(connectionsQuery());
  for (const connection of data ?? []) providerOf.set(connection.id, connection.provider);
  const options = (data ?? [])
    .filter((connection) => all || connection.provider === provider)
    .map((connection) => ({
      value: connection.id,
      label: connection.name,
      hint:
        connection.status === "ACTIVE"
          ? connection.baseUrl
          : `${connection.status.toLowerCase()} · ${connection.baseUrl}`,
      icon: <ProviderChip provider={connection.provider} />,
    }));
  const only = options.length === 1 && !all ? options[0]?.label : undefined;
  return (
    <Combobox
      value={value ?? null}
      onChange={onChange}
      options={options}
      loading={isPending}
      clearable
      disabled={disabled || (!all && provider === null)}
      placeholder={
        only
          ? t("{only} (the only one)", { only })
          : !all && provider === null
            ? t("Choose a provider first")
            : t("Choose")
      }
      empty={t("No connection yet: add one under Connections")}
    />
  );
}

export function WorkflowWidget({ value, onChange, parent, disabled }: WidgetProps<string | null>) {
  const provider = text(parent.provider);
  const connectionId = text(parent.connectionId) ?? undefined;
  const [search, setSearch] = useState("");
  const { data, isPending, error } = useInfiniteQuery({
    ...workflowsQuery(provider ?? "", { connectionId, q: search }),
    enabled: provider !== null,
  });
  const page = data?.pages[0];
  const place = `${provider} ${text(parent.connectionId)}`;
  const known = workflowsOf.get(place) ?? new Set();
  workflowsOf.set(place, known);
  for (const { items } of data?.pages ?? []) for (const workflow of items) known.add(workflow.id);
  const options = (data?.pages ?? []).flatMap(({ items }) =>
    items.map((workflow) => ({
      value: workflow.id,
      label: workflow.name,
      hint: workflow.executable
        ? workflow.active
          ? undefined
          : t("Not active")
        : (workflow.reason ?? t("Cannot be started from outside")),
      disabled: !workflow.executable,
    })),
  );
  return (
    <Combobox
      value={value ?? null}
      onChange={onChange}
      options={options}
      onSearch={setSearch}
      loading={isPending}
      clearable
      disabled={disabled || provider === null}
      placeholder={provider === null ? t("Choose a provider first") : t("Choose a workflow")}
      empty={error ? error.message : t("No such workflow")}
      footer={
        page && (
          <>
            {t("As of {when}", { when: relative(page.syncedAt) })}
            {page.problem && `: ${page.problem.message}`}
          </>
        )
      }
    />
  );
}

export function OrchestratorWidget({ value, onChange, disabled }: WidgetProps<string>) {
  const [search, setSearch] = useState("");
  const { data, isPending } = useInfiniteQuery(orchestratorsQuery(search));
  const options = (data?.pages ?? []).flatMap(({ items }) =>
    items.map(({ id, name, revision, publishedRevision: published }) => ({
      value: id,
      label: name,
      // What a run of this step would run.
      hint:
        published === null
          ? t("Newest revision, now {revision}", { revision })
          : t("Published revision {published}", { published }),
    })),
  );
  return (
    <Combobox
      value={value || null}
      onChange={(next) => onChange(next ?? undefined)}
      options={options}
      onSearch={setSearch}
      loading={isPending}
      clearable
      disabled={disabled}
      placeholder={t("Choose an orchestrator")}
    />
  );
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
