import { userInfo } from 'node:os'

/** Who runs this program. Containers often run as a user that no file of theirs lists, so the name may be a number. */
export function currentUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
