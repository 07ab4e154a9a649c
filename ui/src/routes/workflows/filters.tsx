import type { NodeState, OfferPage, Provider } from "@/api/types";
import { t } from "@/lib/text";
import { Combobox, lookOf, SearchInput, Segmented } from "@/ui";

export type Search = {
  provider?: string;
  connection?: string;
  q?: string;
  active?: boolean;
  tag?: string;
  folder?: string;
  trigger?: string;
  used?: boolean;
  changed?: boolean;
  result?: string;
};

/** Whether something other than the tab narrows the list. */
export function filtered({ provider: _, ...narrowing }: Search): boolean {
  return Object.values(narrowing).some((each) => each !== undefined);
}

type Props = {
  search: Search;
  onChange: (next: Partial<Search>) => void;
  page: OfferPage | undefined;
  providers: readonly Provider[];
};

const ON_OFF = [
  { value: "all", label: t("All") },
  { value: "on", label: t("Active") },
  { value: "off", label: t("Off") },
] as const;
const USE = [
  { value: "all", label: t("All") },
  { value: "used", label: t("Used") },
  { value: "changed", label: t("Changed since import") },
  { value: "unused", label: t("Unused") },
] as const;
type Use = (typeof USE)[number]["value"];

/** What the list is narrowed by; all of it stands in the address. */
export function Filters({ search, onChange, page, providers }: Props) {
  const titles = new Map(providers.map((each) => [each.name, each.title]));
  const parts = (page?.connections ?? []).filter(
    (each) => !search.provider || each.provider === search.provider,
  );
  const facet = (
    name: "tag" | "folder" | "trigger" | "result",
    label: string,
    values: OfferPage["facets"]["tags"],
  ) =>
    (values.length > 0 || search[name] !== undefined) && (
      <div className="w-34">
        <Combobox
          label={label}
          placeholder={label}
          clearable
          value={search[name] ?? null}
          onChange={(value) => onChange({ [name]: value ?? undefined })}
          options={values.map((each) => ({
            value: each.value,
            label: name === "result" ? lookOf(each.value as NodeState).label : each.value,
            hint: t("{count, plural, one {# workflow} other {# workflows}}", { count: each.count }),
          }))}
        />
      </div>
    );
  return (
    <fieldset aria-label={t("Filters")} className="mb-3 flex flex-wrap items-center gap-2">
      <SearchInput
        label={t("Search workflows")}
        className="w-full max-w-64"
        value={search.q ?? ""}
        onChange={(q) => onChange({ q: q || undefined })}
      />
      <Segmented
        label={t("Active")}
        value={word(search.active)}
        options={ON_OFF}
        onChange={(next) => onChange({ active: truth(next) })}
      />
      <Segmented
        label={t("Used in orchestrators")}
        value={useOf(search)}
        options={USE}
        onChange={(next) =>
          onChange({
            used: next === "used" ? true : next === "unused" ? false : undefined,
            changed: next === "changed" ? true : undefined,
          })
        }
      />
      {parts.length > 1 && (
        <div className="w-40">
          <Combobox
            label={t("Connection")}
            placeholder={t("Connection")}
            clearable
            value={search.connection ?? null}
            onChange={(value) => onChange({ connection: value ?? undefined })}
            options={parts.map((each) => ({
              value: each.connectionId,
              label: each.name,
              hint: `${titles.get(each.provider) ?? each.provider} · ${t("{matching, plural, one {# workflow} other {# workflows}}", { matching: each.matching })}`,
            }))}
          />
        </div>
      )}
      {page && facet("trigger", t("Trigger"), page.facets.triggers)}
      {page && facet("result", t("Last result"), page.facets.results)}
      {page && facet("tag", t("Tag"), page.facets.tags)}
      {page && facet("folder", t("Folder"), page.facets.folders)}
    </fieldset>
  );
}

function useOf({ used, changed }: Search): Use {
  if (changed) return "changed";
  return used === undefined ? "all" : used ? "used" : "unused";
}

function word(value: boolean | undefined): "all" | "on" | "off" {
  return value === undefined ? "all" : value ? "on" : "off";
}

function truth(value: "all" | "on" | "off"): boolean | undefined {
  return value === "all" ? undefined : value === "on";
}
