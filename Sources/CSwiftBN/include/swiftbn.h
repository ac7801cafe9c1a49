#ifndef SWIFTBN_H
#define SWIFTBN_H
#endif
