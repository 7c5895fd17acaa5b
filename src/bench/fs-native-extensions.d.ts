// What is used here of a package that has no types of its own.
declare module 'fs-native-extensions' {
  /** Asks the system for a lock on an open file: false if another open file has it. It goes with the process. */
  export function tryLock(fd: number): boolean
}
