import { chooseLanguage, LANGUAGES, languageOf } from "@/lib/language";
import { t } from "@/lib/text";
import { Select } from "@/ui";

/** Nothing, where there is one language only. */
export function Language({ languages = LANGUAGES }: { languages?: readonly string[] }) {
  if (languages.length < 2) return null;
  return (
    <div className="mt-3 flex items-center justify-between gap-4">
      <p className="text-sm">{t("Language")}</p>
      <Select
        label={t("Language")}
        value={languageOf()}
        onChange={chooseLanguage}
        options={languages.map((code) => ({ value: code, label: itsOwnName(code) }))}
      />
    </div>
  );
}

function itsOwnName(code: string): string {
  return new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;
}
