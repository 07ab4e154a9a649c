import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type LucideIcon, Plus, Sparkles, Workflow } from "lucide-react";
import type { ReactNode } from "react";
import { orchestratorsQuery } from "@/api/queries";
import { rich, t } from "@/lib/text";

/** By which the server imports the sample chain (app/sample.py). */
const SAMPLE = "Order to report";

/** Nothing is drawn yet: three ways to begin. */
export function EmptyCanvas({
  editable,
  onAdd,
  onRemote,
}: {
  editable: boolean;
  onAdd: () => void;
  onRemote: () => void;
}) {
  const found = useInfiniteQuery(orchestratorsQuery(SAMPLE)).data;
  const sample = found?.pages[0]?.items.find((each) => each.name === SAMPLE);
  return (
    <section
      aria-labelledby="empty-canvas"
      className="pointer-events-none absolute inset-0 flex flex-col items-center justify-center gap-5 overflow-y-auto p-6 text-center"
    >
      <div>
        <h2 id="empty-canvas" className="font-semibold text-lg">
          {t("Nothing drawn yet")}
        </h2>
        <p className="text-muted text-sm">
          {editable
            ? t("Choose how to begin, or paste a drawing as JSON.")
            : t("Nobody has drawn anything here.")}
        </p>
      </div>
      {editable && (
        <ul className="grid w-full max-w-3xl gap-3 sm:grid-cols-3 [&_a]:pointer-events-auto [&_button]:pointer-events-auto">
          <li>
            <button type="button" onClick={onRemote} className={CHOICE}>
              <Choice icon={Workflow} title={t("Start from a remote workflow")}>
                {t("Browse n8n, Make, Zapier and Airflow, and take one as the first step.")}
              </Choice>
            </button>
          </li>
          <li>
            <button type="button" onClick={onAdd} className={CHOICE}>
              <Choice icon={Plus} title={t("Add a step")}>
                {t("Pick from every kind of step there is.")}
              </Choice>
            </button>
          </li>
          <li>
            {sample ? (
              <Link to="/orchestrators/$id" params={{ id: sample.id }} className={CHOICE}>
                <Choice icon={Sparkles} title={t("Try the sample")}>
                  {t("A whole chain over sandbox platforms. Nothing real is called.")}
                </Choice>
              </Link>
            ) : (
              <Link to="/" className={CHOICE}>
                <Choice icon={Sparkles} title={t("Try the sample")}>
                  {rich("Start the server with {code} and it is there, ready to run.", {
                    code: <code className="font-mono">--sandbox</code>,
                  })}
                </Choice>
              </Link>
            )}
          </li>
        </ul>
      )}
    </section>
  );
}

const CHOICE =
  "flex h-full w-full flex-col items-start gap-2 rounded-xl border bg-surface p-4 text-left shadow-card hover:border-edge";

function Choice({ icon: Icon, title, children }: { icon: LucideIcon; title: string; children: ReactNode }) {
  return (
    <>
      <span className="grid size-9 place-items-center rounded-md bg-sunken text-accent-text">
        <Icon aria-hidden className="size-4.5" />
      </span>
      <span className="font-semibold text-sm">{title}</span>
      <span className="text-muted text-xs">{children}</span>
    </>
  );
}
