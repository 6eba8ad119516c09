/** Commands as a file of the shell: what is to be known of them as comments in front. */
export function commentsOfShell(title: string, commands: readonly string[], notes: readonly string[]): string {
  const clean = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return `${[title, ...notes].map((line) => `# ${clean(line)}`).join('\n')}\n\n${commands.map(clean).join('\n')}\n`;
}
