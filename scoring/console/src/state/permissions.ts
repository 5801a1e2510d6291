// What somebody may do, as the service names it. The service decides; here it only keeps people from trying in vain.

export type Permission =
  | "read-verdicts"
  | "read-evidence"
  | "read-cases"
  | "work-cases"
  | "read-lists"
  | "change-lists"
  | "read-control"
  | "try-policies"
  | "change-policies"
  | "change-models"
  | "read-audit"
  | "read-metrics";
