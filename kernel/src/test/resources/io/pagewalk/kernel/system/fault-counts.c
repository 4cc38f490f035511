/*
 * Counts the minor faults of the same steps that NativeFaultCountsTest makes on the model.
 * Usage: fault-counts FILE, where FILE may be created and removed; it must lie on a file system with a disk.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/prctl.h>
#define P 4096L
static long minf(void){ struct rusage r; getrusage(RUSAGE_SELF,&r); return r.ru_minflt; }
static volatile char sink;
#define STEP(name, code) do { long b=minf(); b=minf(); code; long e=minf(); printf("%s %ld\n", name, e-b); } while(0)
static void touch(char*p,long n,int w){ for(long i=0;i<n;i++){ if(w) p[i*P]=1; else sink=p[i*P]; } }
int main(int argc,char**argv){
  if(argc!=2) return 9;
  prctl(PR_SET_THP_DISABLE,1,0,0,0);
  setvbuf(stdout,NULL,_IOFBF,1<<16); printf("start 0\n");
  minf();
  char*a=mmap((void*)0x100000000000,512*P,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0);
  madvise(a,512*P,MADV_NOHUGEPAGE);
  STEP("anon_write_100", touch(a,100,1));
  STEP("anon_read_100", touch(a+100*P,100,0));
  STEP("anon_write_after_read_100", touch(a+100*P,100,1));
  STEP("dontneed_rewrite_50", { madvise(a,50*P,MADV_DONTNEED); touch(a,50,1); });
  STEP("mprotect_ro_rw_write_100", { mprotect(a,100*P,PROT_READ); mprotect(a,100*P,PROT_READ|PROT_WRITE); touch(a,100,1); });
  STEP("mprotect_none_rw_read_100", { mprotect(a,100*P,PROT_NONE); mprotect(a,100*P,PROT_READ|PROT_WRITE); touch(a,100,0); });
  int fd=open(argv[1],O_RDWR|O_CREAT|O_TRUNC,0600);
  static char buf[P]; for(int i=0;i<100;i++) if (write(fd,buf,P)!=P) return 1;
  char*f;
  f=mmap((void*)0x110000000000,128*P,PROT_READ,MAP_PRIVATE|MAP_FIXED,fd,0);
  STEP("file_private_read_100", touch(f,100,0));
  f=mmap((void*)0x120000005000,90*P,PROT_READ,MAP_PRIVATE|MAP_FIXED,fd,3*P);
  STEP("file_private_read_unaligned_90", touch(f,90,0));
  f=mmap((void*)0x130000000000,100*P,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_FIXED,fd,0);
  STEP("file_private_write_100", touch(f,100,1));
  f=mmap((void*)0x140000000000,100*P,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_FIXED,fd,0);
  STEP("file_private_read_then_write_100", { touch(f,100,0); touch(f,100,1); });
  f=mmap((void*)0x150000000000,100*P,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_FIXED,fd,0);
  STEP("file_shared_read_100", touch(f,100,0));
  STEP("file_shared_write_100", touch(f,100,1));
  f=mmap((void*)0x160000000000,100*P,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS|MAP_FIXED,-1,0);
  STEP("shmem_write_100", touch(f,100,1));
  f=mmap((void*)0x170000000000,100*P,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS|MAP_FIXED,-1,0);
  STEP("shmem_read_100", touch(f,100,0));
  STEP("shmem_write_after_read_100", touch(f,100,1));
  STEP("read_into_fresh_10", { char*r=mmap((void*)0x180000000000,16*P,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0); if(pread(fd,r+100,10*P,0)!=10*P) return 2; });
  STEP("mremap_move_600", { char*r=mmap((void*)0x190000000000,600*P,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0); madvise(r,600*P,MADV_NOHUGEPAGE); touch(r,600,1); r=mremap(r,600*P,600*P,MREMAP_MAYMOVE|MREMAP_FIXED,(void*)0x1a0000003000); touch(r,600,1); });
  STEP("populate_64", { mmap((void*)0x1b0000000000,64*P,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED|MAP_POPULATE,-1,0); });
  STEP("mlock_64", { char*r=mmap((void*)0x1c0000000000,64*P,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0); mlock(r,64*P); munlock(r,64*P);});
  STEP("brk_20", { char*r=sbrk(0); r=(char*)(((long)r+P-1)&-P); if(brk(r+20*P)) return 3; touch(r,20,1); });
  int pp[2]; if(pipe(pp)) return 4; fflush(stdout);
  pid_t c=fork(); if(!c){ char x; close(pp[1]); if(read(pp[0],&x,1)<0) _exit(1); _exit(0);} 
  minf(); 
  STEP("fork_parent_rewrite_alive_100", touch(a,100,1));
  close(pp[1]); close(pp[0]); int st; waitpid(c,&st,0);
  STEP("fork_parent_rewrite_gone_100", touch(a+100*P,100,1));
  unlink(argv[1]);
  return 0; }
