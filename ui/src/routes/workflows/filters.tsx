import type { OfferPage, Provider } from "@/api/types";
import { plural } from "@/lib/time";
import { Combobox, SearchInput, Segmented } from "@/ui";

export type Search = {
  provider?: string;
  connection?: string;
  q?: string;
  active?: boolean;
  tag?: string;
  folder?: string;
  trigger?: string;
  used?: boolean;
};

/** Whether something other than the tab narrows the list. */
export function filtered({ connection, q, active, tag, folder, trigger, used }: Search): boolean {
  return [connection, q, active, tag, folder, trigger, used].some((each) => each !== undefined);
}

type Props = {
  search: Search;
  onChange: (next: Partial<Search>) => void;
  page: OfferPage | undefined;
  providers: readonly Provider[];
};

const ON_OFF = [
  { value: "all", label: "All" },
  { value: "on", label: "Active" },
  { value: "off", label: "Off" },
] as const;
const USE = [
  { value: "all", label: "All" },
  { value: "on", label: "Used" },
  { value: "off", label: "Unused" },
] as const;

/** What the list is narrowed by; all of it stands in the address. */
export function Filters({ search, onChange, page, providers }: Props) {
  const titles = new Map(providers.map((each) => [each.name, each.title]));
  const parts = (page?.connections ?? []).filter(
    (each) => !search.provider || each.provider === search.provider,
  );
  const facet = (name: "tag" | "folder" | "trigger", label: string, values: OfferPage["facets"]["tags"]) =>
    (values.length > 0 || search[name] !== undefined) && (
      <div className="w-30">
        <Combobox
          label={label}
          placeholder={label}
          clearable
          value={search[name] ?? null}
          onChange={(value) => onChange({ [name]: value ?? undefined })}
          options={values.map((each) => ({
            value: each.value,
            label: each.value,
            hint: plural(each.count, "workflow"),
          }))}
        />
      </div>
    );
  return (
    <fieldset aria-label="Filters" className="mb-3 flex flex-wrap items-center gap-2">
      <SearchInput
        label="Search workflows"
        className="w-full max-w-64"
        value={search.q ?? ""}
        onChange={(q) => onChange({ q: q || undefined })}
      />
      <Segmented
        label="Active"
        value={word(search.active)}
        options={ON_OFF}
        onChange={(next) => onChange({ active: truth(next) })}
      />
      <Segmented
        label="Used in orchestrators"
        value={word(search.used)}
        options={USE}
        onChange={(next) => onChange({ used: truth(next) })}
      />
      {parts.length > 1 && (
        <div className="w-40">
          <Combobox
            label="Connection"
            placeholder="Connection"
            clearable
            value={search.connection ?? null}
            onChange={(value) => onChange({ connection: value ?? undefined })}
            options={parts.map((each) => ({
              value: each.connectionId,
              label: each.name,
              hint: `${titles.get(each.provider) ?? each.provider} · ${plural(each.matching, "workflow")}`,
            }))}
          />
        </div>
      )}
      {page && facet("trigger", "Trigger", page.facets.triggers)}
      {page && facet("tag", "Tag", page.facets.tags)}
      {page && facet("folder", "Folder", page.facets.folders)}
    </fieldset>
  );
}

function word(value: boolean | undefined): "all" | "on" | "off" {
  return value === undefined ? "all" : value ? "on" : "off";
}

function truth(value: "all" | "on" | "off"): boolean | undefined {
  return value === "all" ? undefined : value === "on";
}
