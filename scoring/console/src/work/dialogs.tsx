// The questions that any page can raise; loaded with the first page, not with the login.

import { AskDialog } from "./ask";
import { BulkDialog } from "./bulk";
import { ConflictDialog } from "./conflict";

export default function Dialogs() {
  return (
    <>
      <AskDialog />
      <BulkDialog />
      <ConflictDialog />
    </>
  );
}
